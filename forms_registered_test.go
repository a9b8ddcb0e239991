package muc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// registeredField is a field that XEP-0045 §16.5 registers for a kind of form.
type registeredField struct {
	name, typ string
	// answer is something to fill in, other than what is there; "" where nobody does.
	answer string
	// absent says why no form of ours has it.
	absent string
}

// registeredFields is all of XEP-0045 §16.5.
var registeredFields = map[string][]registeredField{
	"http://jabber.org/protocol/muc#register": {
		{name: "muc#register_allow", typ: "boolean", answer: "1"},
		{name: "muc#register_email", typ: "text-single", answer: "hag@witches.lit"},
		{name: "muc#register_faqentry", typ: "text-multi", answer: "Just another witch."},
		{name: "muc#register_first", typ: "text-single", answer: "Brunhilde"},
		{name: "muc#register_last", typ: "text-single", answer: "Entwhistle-Throckmorton"},
		{name: "muc#register_roomnick", typ: "text-single", answer: "thirdwitch"},
		{name: "muc#register_url", typ: "text-single", answer: "http://witchesonline/~hag66/"},
	},
	"http://jabber.org/protocol/muc#request": {
		{name: "muc#role", typ: "list-single", answer: "participant"},
		{name: "muc#jid", typ: "jid-single", answer: "hag@shakespeare.lit/pda"},
		{name: "muc#roomnick", typ: "text-single", answer: "thirdwitch"},
		{name: "muc#request_allow", typ: "boolean", answer: "true"},
	},
	"http://jabber.org/protocol/muc#roomconfig": {
		{name: "muc#maxhistoryfetch", typ: "text-single", answer: "7"},
		{name: "muc#roomconfig_allowpm", typ: "list-single", answer: "participants"},
		{name: "muc#roomconfig_allowinvites", typ: "boolean", answer: "1"},
		{name: "muc#roomconfig_changesubject", typ: "boolean", answer: "1"},
		{name: "muc#roomconfig_enablelogging", typ: "boolean", answer: "1"},
		{name: "muc#roomconfig_getmemberlist", typ: "list-multi", answer: "moderator"},
		{name: "muc#roomconfig_lang", typ: "text-single", answer: "sco"},
		{name: "muc#roomconfig_pubsub", typ: "text-single", absent: "rooms have no node of their own"},
		{name: "muc#roomconfig_maxusers", typ: "list-single", answer: "30"},
		{name: "muc#roomconfig_membersonly", typ: "boolean", answer: "1"},
		{name: "muc#roomconfig_moderatedroom", typ: "boolean", answer: "1"},
		{name: "muc#roomconfig_passwordprotectedroom", typ: "boolean", answer: "0"},
		{name: "muc#roomconfig_persistentroom", typ: "boolean", answer: "1"},
		{name: "muc#roomconfig_presencebroadcast", typ: "list-multi", answer: "moderator"},
		{name: "muc#roomconfig_publicroom", typ: "boolean", answer: "0"},
		{name: "muc#roomconfig_roomadmins", typ: "jid-multi", answer: "wiccarocks@shakespeare.lit"},
		{name: "muc#roomconfig_roomdesc", typ: "text-single", answer: "For witches"},
		{name: "muc#roomconfig_roomname", typ: "text-single", answer: "A Dark Cave"},
		{name: "muc#roomconfig_roomowners", typ: "jid-multi", answer: "crone@shakespeare.lit</value><value>hecate@shakespeare.lit"},
		{name: "muc#roomconfig_roomsecret", typ: "text-private", answer: "cauldronburn"},
		{name: "muc#roomconfig_whois", typ: "list-single", answer: "anyone"},
	},
	"http://jabber.org/protocol/muc#roominfo": {
		{name: "muc#maxhistoryfetch", typ: "text-single"},
		{name: "muc#roominfo_contactjid", typ: "jid-multi"},
		{name: "muc#roominfo_description", typ: "text-single"},
		{name: "muc#roominfo_lang", typ: "text-single"},
		{name: "muc#roominfo_ldapgroup", typ: "text-single"},
		{name: "muc#roominfo_logs", typ: "text-single"},
		{name: "muc#roominfo_occupants", typ: "text-single"},
		{name: "muc#roominfo_subject", typ: "text-single"},
		{name: "muc#roominfo_subjectmod", typ: "boolean"},
	},
}

// lookAtForms holds every form in a stanza to the registry, and to what clients need
// of it: options that say what they are. It notes which fields it has seen.
func lookAtForms(t testing.TB, el *etree.Element, seen map[string]bool) {
	for _, x := range el.FindElements(".//x") {
		kind := ""
		if of := x.SelectAttrValue("type", ""); x.NamespaceURI() != "jabber:x:data" || of != "form" && of != "result" {
			continue
		}
		for _, f := range x.SelectElements("field") {
			if f.SelectAttrValue("var", "") == "FORM_TYPE" && f.SelectElement("value") != nil {
				kind = f.SelectElement("value").Text()
			}
		}
		for _, f := range x.SelectElements("field") {
			name, typ := f.SelectAttrValue("var", ""), f.SelectAttrValue("type", "")
			assert.Equal(t, typ != "fixed", name != "", "what is fixed alone has no name: %v", f)
			for _, r := range registeredFields[kind] {
				if r.name == name {
					seen[kind+" "+name] = true
					assert.Equal(t, r.typ, typ, "%s has another type in XEP-0045 §16.5", name)
				}
			}
			var values []string
			for _, o := range f.SelectElements("option") {
				assert.NotEmpty(t, o.SelectAttrValue("label", ""), "an option of %s has no label", name)
				values = append(values, o.SelectElement("value").Text())
			}
			if strings.HasPrefix(typ, "list-") && x.SelectAttrValue("type", "") == "form" {
				for _, v := range f.SelectElements("value") {
					assert.Contains(t, values, v.Text(), "%s says what it does not offer", name)
				}
			}
		}
	}
}

// Every field that XEP-0045 registers stands by its registered name and with its
// registered type in the forms that rooms send, and is understood in those that come
// back. Clients drop a form in which one field has another type.
//
// rows: I7, M7, M8
func TestRegisteredFields(t *testing.T) {
	cfg := muc.Config{
		Registration:       muc.RegistrationApproved,
		RegistrationFields: registrationFields(),
		Info: []muc.InfoField{
			{Var: "muc#roominfo_contactjid", Values: []string{"crone@shakespeare.lit", "hecate@shakespeare.lit"}},
			{Var: "muc#roominfo_logs", Values: []string{"https://logs.example/coven"}},
			{Var: "muc#roominfo_ldapgroup", Values: []string{"cn=witches,dc=shakespeare,dc=lit"}},
		},
	}
	h, seen := open(t, cfg), map[string]bool{}
	look := func(fx muc.Effects) muc.Effects {
		for _, out := range fx.Outbound {
			lookAtForms(t, parse(xmlOf(out)), seen)
		}
		return fx
	}
	const crone, hag = "crone@shakespeare.lit/desktop", "hag@shakespeare.lit/pda"
	iq := func(from, typ, query string) string {
		return fmt.Sprintf(`<iq type='%s' id='q' from='%s' to='coven@chat.shakespeare.lit'>%s</iq>`, typ, from, query)
	}

	// Registration and its approval.
	look(h.Handle(iq(hag, "get", `<query xmlns='jabber:iq:register'/>`)))
	fx := look(h.Handle(iq(hag, "set", `<query xmlns='jabber:iq:register'>`+submission("http://jabber.org/protocol/muc#register")+`</query>`)))
	require.Nil(t, fx.Refused)
	fx = h.Handle(`<message from='` + crone + `' to='coven@chat.shakespeare.lit'>` + submission("http://jabber.org/protocol/muc#register") + `</message>`)
	require.Nil(t, fx.Refused)
	registered := bodyOf[*event.Registered](t, fx)
	assert.Equal(t, "thirdwitch", registered.Nick)
	assert.Len(t, registered.Answers, len(cfg.RegistrationFields), "every answer is kept")

	// Voice: a visitor asks, a moderator grants.
	h.Client(hag).Joins("thirdwitch")
	h.Do(muc.SetRole{Nick: "thirdwitch", Role: muc.Visitor})
	fx = look(h.Handle(`<message from='` + hag + `' to='coven@chat.shakespeare.lit'><x xmlns='jabber:x:data' type='submit'>` +
		`<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field><field var='muc#role'><value>participant</value></field></x></message>`))
	require.Nil(t, fx.Refused)
	fx = h.Handle(`<message from='` + crone + `' to='coven@chat.shakespeare.lit'>` + submission("http://jabber.org/protocol/muc#request") + `</message>`)
	assert.Equal(t, muc.Participant, bodyOf[*event.RoleChanged](t, fx).New)

	// The configuration: every field that is filled in changes what it is about.
	look(h.Handle(iq(crone, "get", `<query xmlns='http://jabber.org/protocol/muc#owner'/>`)))
	fx = h.Handle(iq(crone, "set", `<query xmlns='http://jabber.org/protocol/muc#owner'>`+submission("http://jabber.org/protocol/muc#roomconfig")+`</query>`))
	require.Nil(t, fx.Refused)
	var changed []string
	for _, c := range bodyOf[*event.Configured](t, fx).Changes {
		changed = append(changed, c.Var)
	}
	for _, f := range registeredFields["http://jabber.org/protocol/muc#roomconfig"] {
		if f.answer != "" && f.typ != "jid-multi" && f.name != "muc#roomconfig_passwordprotectedroom" {
			assert.Contains(t, changed, f.name)
		}
	}
	assert.True(t, slices.ContainsFunc(slices.Collect(fx.Events()), func(ev event.Event) bool {
		b, ok := ev.Body.(*event.AffiliationChanged)
		return ok && b.New == muc.Admin
	}))
	look(h.Handle(iq(crone, "get", `<query xmlns='http://jabber.org/protocol/muc#owner'/>`)))

	// What the room says of itself.
	look(h.Handle(iq(crone, "get", `<query xmlns='http://jabber.org/protocol/disco#info'/>`)))

	for kind, fields := range registeredFields {
		for _, f := range fields {
			assert.Equal(t, f.absent == "", seen[kind+" "+f.name], "%s in a form of %s", f.name, kind)
		}
	}
}

// registrationFields are the registered ones that are the host's to ask for.
func registrationFields() (list []muc.RegistrationField) {
	for _, f := range registeredFields["http://jabber.org/protocol/muc#register"] {
		if f.name != "muc#register_allow" && f.name != "muc#register_roomnick" {
			list = append(list, muc.RegistrationField{Var: f.name, Type: muc.FieldType(f.typ)})
		}
	}
	return list
}

// submission is a form with all registered fields of its kind filled in.
func submission(kind string) string {
	s := `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>` + kind + `</value></field>`
	for _, f := range registeredFields[kind] {
		if f.answer != "" {
			s += `<field var='` + f.name + `'><value>` + f.answer + `</value></field>`
		}
	}
	return s + `</x>`
}

// A host cannot give a registered field another type, nor one that the room fills in.
func TestRegisteredFieldsOfTheHost(t *testing.T) {
	secret := []byte("a secret of sixteen bytes or more")
	for _, cfg := range []muc.Config{
		{RegistrationFields: []muc.RegistrationField{{Var: "muc#register_faqentry", Type: muc.TextSingle}}},
		{RegistrationFields: []muc.RegistrationField{{Var: "muc#register_email", Type: muc.JIDSingle}}},
		{Info: []muc.InfoField{{Var: "muc#roominfo_logs", Values: []string{"one", "two"}}}},
		{Info: []muc.InfoField{{Var: "muc#roominfo_subject", Values: []string{"one"}}}},
		{Info: []muc.InfoField{{Var: "hats#hash", Values: []string{"one"}}}},
	} {
		cfg.Room, cfg.Secret = muc.MustParseJID("coven@chat.shakespeare.lit"), secret
		_, err := muc.New(cfg)
		assert.ErrorIs(t, err, muc.ErrConfig)
	}
}

// bodyOf is the first event of a kind.
func bodyOf[B event.Body](t testing.TB, fx muc.Effects) B {
	t.Helper()
	for ev := range fx.Events() {
		if b, ok := ev.Body.(B); ok {
			return b
		}
	}
	require.FailNow(t, "no such event", "%v", slices.Collect(fx.Events()))
	panic("unreachable")
}
