package muc_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// bound is what one of the Limits does: what it still admits, and what it refuses.
type bound struct {
	cfg    muc.Config
	before func(h *muctest.Room)
	within string
	over   string
	want   stanza.Condition
}

// cutOff are the limits that refuse nobody, but forget what is old or answer in
// parts, and the tests and scripts that show it.
var cutOff = map[string]string{
	"OutboundBytes": "TestNothingLargeGoesOut",
	"PageBytes":     "TestListsComeInPagesOfBytes",
	"History":       "testdata/07-02-history/7.2.14-length.scs",
	"HistoryBytes":  "TestHistoryIsBounded",
	"Privates":      "TestPrivateMessagesAreForgotten",
	"RateShares":    "TestRateSharesAreForgotten",
	"ListItems":     "testdata/09-03-membership/xep-0059-pages.scs",
	"ArchivePage":   "testdata/xep-0313-archive/4.3-pages.scs",
	"Relays":        "TestRelaysAreForgotten",
	"PersonRelays":  "TestRelaysAreForgotten",
	"Absent":        "TestAbsentPeopleAreBounded",
	"ListChanges":   "TestListChangesAreForgotten",
}

// Each limit lets pass what keeps to it, and refuses what does not, readably and
// without any trace in the room.
//
// rows: L12
func TestBounds(t *testing.T) {
	all := bounds()
	for _, f := range reflect.VisibleFields(reflect.TypeFor[muc.Limits]()) {
		b, refuses := all[f.Name]
		if cut := cutOff[f.Name]; cut != "" {
			assert.False(t, refuses, f.Name)
			continue
		}
		if !assert.True(t, refuses, "nothing shows what %s does", f.Name) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			b.cfg.Instant = true
			h := open(t, b.cfg)
			if b.before != nil {
				b.before(h)
			}
			fx := h.Handle(b.within)
			require.Nil(t, fx.Refused, "%v", fx.Refused)

			was := h.Snapshot(muc.Live)
			fx = h.Handle(b.over)
			h.IsRefused(b.want)
			assert.NotEmpty(t, fx.Refused.Text)
			assert.NotEmpty(t, fx.Refused.Section)
			assert.Equal(t, string(was), string(h.Snapshot(muc.Live)))
		})
	}
}

const room = `to='coven@chat.shakespeare.lit`

// says is a stanza of the owner's, of some kind and with some children.
func says(kind, attrs, children string) string {
	return fmt.Sprintf("<%s id='i' from='crone@shakespeare.lit/desktop' %s' %s>%s</%s>", kind, room, attrs, children, kind)
}

func message(children string) string { return says("message", "type='groupchat'", children) }
func presence(children string) string {
	return says("presence", "", children)
}

// times is an element with that much text.
func times(element string, n int) string {
	return "<" + element + ">" + strings.Repeat("x", n) + "</" + element + ">"
}

func enters(who, nick string) string {
	return fmt.Sprintf("<presence from='%s' %s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who, room, nick)
}

// makes is a change of affiliations or roles by the owner.
func makes(items ...string) string {
	return says("iq", "type='set'", "<query xmlns='http://jabber.org/protocol/muc#admin'>"+strings.Join(items, "")+"</query>")
}

func asks(who string) string {
	return fmt.Sprintf("<iq type='get' id='a' from='%s' %s'><q xmlns='urn:example:q'/></iq>", who, room)
}

func invites(who, whom string) string {
	return fmt.Sprintf("<message from='%s' %s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='%s'/></x></message>", who, room, whom)
}

func registers(who, nick string) string {
	return fmt.Sprintf("<iq type='set' id='r' from='%s' %s'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"+
		"<field var='muc#register_roomnick'><value>%s</value></field></x></query></iq>", who, room, nick)
}

// hat is an ad-hoc command for hats, by the owner: the fields of its form and their values in
// turn.
func hat(command string, fields ...string) string {
	form := "<x xmlns='jabber:x:data' type='submit'>"
	for i := 0; i < len(fields); i += 2 {
		form += "<field var='hats#" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
	}
	return says("iq", "type='set'", "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:"+command+"'>"+form+"</x></command>")
}

func wantsVoice(who string) string {
	return fmt.Sprintf("<message from='%s' %s'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>"+
		"<field var='muc#role'><value>participant</value></field></x></message>", who, room)
}

func bounds() map[string]bound {
	const kick = "<item nick='thirdwitch' role='none'><reason>%s</reason></item>"
	with := func(l muc.Limits) muc.Config { return muc.Config{Limits: l} }
	joined := func(who ...string) func(h *muctest.Room) { // addresses and nicks in turn
		return func(h *muctest.Room) {
			for i := 0; i < len(who); i += 2 {
				h.Join(who[i], who[i+1])
			}
		}
	}
	member := func(j string) string { return "<item jid='" + j + "@shakespeare.lit' affiliation='member'/>" }
	approved := with(muc.Limits{Registrations: 1})
	approved.Registration = muc.RegistrationApproved
	answers := with(muc.Limits{Questions: 1})
	answers.AnswersIQ = func(string, string) bool { return true }
	patient := with(muc.Limits{PersonQuestions: 1})
	patient.AnswersIQ = answers.AnswersIQ
	silent := with(muc.Limits{VoiceRequests: 1})
	silent.Defaults.Moderated = true

	hats := func(h *muctest.Room) {
		h.Do(muc.CreateHat{URI: "urn:bard", Title: "Bard"})
		h.Do(muc.CreateHat{URI: "urn:hag", Title: "Hag"})
	}

	return map[string]bound{
		"Hats": {cfg: with(muc.Limits{Hats: 3}), before: hats, within: hat("create", "uri", "urn:c", "title", "C"), over: hat("create", "uri", "urn:d", "title", "D"),
			want: stanza.ResourceConstraint},
		"HatBytes": {cfg: with(muc.Limits{HatBytes: 40}), within: hat("create", "uri", "urn:c", "title", "&amp; 3456789"), over: hat("create", "uri", "urn:c", "title", "&amp; 34567890"),
			want: stanza.PolicyViolation},
		"PersonHats": {cfg: with(muc.Limits{PersonHats: 1}), before: hats, within: hat("assign", "jid", "hecate@shakespeare.lit", "uri", "urn:hag"),
			over: hat("assign", "jid", "hecate@shakespeare.lit", "uri", "urn:bard"), want: stanza.ResourceConstraint},
		"HatWearers": {cfg: with(muc.Limits{HatWearers: 1}), before: hats, within: hat("assign", "jid", "hecate@shakespeare.lit", "uri", "urn:hag"),
			over: hat("assign", "jid", "bard@shakespeare.lit", "uri", "urn:hag"), want: stanza.ResourceConstraint},
		"StanzaBytes":    {cfg: with(muc.Limits{StanzaBytes: 200}), within: message(times("body", 187)), over: message(times("body", 188)), want: stanza.PolicyViolation},
		"StanzaDepth":    {cfg: with(muc.Limits{StanzaDepth: 3}), within: message("<a><b><c/></b></a>"), over: message("<a><b><c><d/></c></b></a>"), want: stanza.PolicyViolation},
		"StanzaElements": {cfg: with(muc.Limits{StanzaElements: 3}), within: message("<a/><b/><c/>"), over: message("<a/><b/><c/><d/>"), want: stanza.PolicyViolation},
		"StanzaAttrs":    {cfg: with(muc.Limits{StanzaAttrs: 5}), within: message("<a b='' c='' d='' e='' f=''/>"), over: message("<a b='' c='' d='' e='' f='' g=''/>"), want: stanza.PolicyViolation},
		"NickBytes": {cfg: with(muc.Limits{NickBytes: 10}), before: joined("crone@shakespeare.lit/phone", "firstwitch"),
			within: enters("hecate@shakespeare.lit/broom", "thirdwitch"), over: enters("bard@shakespeare.lit/globe", "fourthwitch"), want: stanza.NotAcceptable},
		"NickChars": {cfg: with(muc.Limits{NickChars: 10}), within: enters("hecate@shakespeare.lit/broom", "dritteHéxe"),
			over: enters("bard@shakespeare.lit/globe", "vierteHexen"), want: stanza.NotAcceptable},
		"NameBytes": {cfg: with(muc.Limits{NameBytes: 5}), within: configSubmit("c", "muc#roomconfig_roomdesc", "a longer text", "muc#roomconfig_lang", "en-GB"),
			over: configSubmit("c", "muc#roomconfig_roomname", "coven!"), want: stanza.PolicyViolation},
		"StatusBytes":   {cfg: with(muc.Limits{StatusBytes: 40}), within: presence(times("status", 23)), over: presence(times("status", 24)), want: stanza.PolicyViolation},
		"PresenceBytes": {cfg: with(muc.Limits{PresenceBytes: 40}), within: presence(times("a", 33)), over: presence(times("a", 34)), want: stanza.PolicyViolation},
		"SubjectBytes":  {cfg: with(muc.Limits{SubjectBytes: 40}), within: message(times("subject", 21)), over: message(times("subject", 22)), want: stanza.PolicyViolation},
		"BodyBytes":     {cfg: with(muc.Limits{BodyBytes: 40}), within: message(times("body", 27)), over: message(times("body", 28)), want: stanza.PolicyViolation},
		"ReasonBytes": {cfg: with(muc.Limits{ReasonBytes: 5}), before: joined("hecate@shakespeare.lit/broom", "thirdwitch", "bard@shakespeare.lit/globe", "bard"),
			within: makes(strings.Replace(fmt.Sprintf(kick, "enter"), "thirdwitch", "bard", 1)), over: makes(fmt.Sprintf(kick, "exeunt")), want: stanza.PolicyViolation},
		"FieldBytes": {cfg: with(muc.Limits{FieldBytes: 30}), within: configSubmit("c", "muc#roomconfig_roomname", strings.Repeat("x", 30)),
			over: configSubmit("c", "muc#roomconfig_roomname", strings.Repeat("x", 31)), want: stanza.PolicyViolation},
		"Occupants": {cfg: with(muc.Limits{Occupants: 2}), within: enters("hecate@shakespeare.lit/broom", "thirdwitch"),
			over: enters("bard@shakespeare.lit/globe", "bard"), want: stanza.ServiceUnavailable},
		"AdminReserve": {cfg: with(muc.Limits{Occupants: 1, AdminReserve: 1}),
			before: func(h *muctest.Room) {
				for _, j := range []muc.JID{hecate, bard} {
					h.Do(muc.SetAffiliation{JID: j, Affiliation: muc.Admin})
				}
			},
			within: enters("hecate@shakespeare.lit/broom", "thirdwitch"), over: enters("bard@shakespeare.lit/globe", "bard"), want: stanza.ServiceUnavailable},
		"SessionsPerNick": {cfg: with(muc.Limits{SessionsPerNick: 2}), within: enters("crone@shakespeare.lit/pda", "firstwitch"),
			over: enters("crone@shakespeare.lit/phone", "firstwitch"), want: stanza.ResourceConstraint},
		"NicksPerPerson": {cfg: with(muc.Limits{NicksPerPerson: 2}), within: enters("crone@shakespeare.lit/pda", "wisewitch"),
			over: enters("crone@shakespeare.lit/phone", "oldwitch"), want: stanza.ResourceConstraint},
		"Affiliations":  {cfg: with(muc.Limits{Affiliations: 2}), within: makes(member("hecate")), over: makes(member("bard")), want: stanza.ResourceConstraint},
		"ItemsPerSet":   {cfg: with(muc.Limits{ItemsPerSet: 2}), within: makes(member("hecate"), member("bard")), over: makes(member("a"), member("b"), member("c")), want: stanza.PolicyViolation},
		"Registrations": {cfg: approved, within: registers("hecate@shakespeare.lit/broom", "Hecate"), over: registers("bard@shakespeare.lit/globe", "Bard"), want: stanza.ResourceConstraint},
		"VoiceRequests": {cfg: silent, before: joined("hecate@shakespeare.lit/broom", "thirdwitch", "bard@shakespeare.lit/globe", "bard"),
			within: wantsVoice("hecate@shakespeare.lit/broom"), over: wantsVoice("bard@shakespeare.lit/globe"), want: stanza.ResourceConstraint},
		"Questions":       {cfg: answers, within: asks("hecate@shakespeare.lit/broom"), over: asks("bard@shakespeare.lit/globe"), want: stanza.ResourceConstraint},
		"PersonQuestions": {cfg: patient, within: asks("hecate@shakespeare.lit/broom"), over: asks("hecate@shakespeare.lit/cave"), want: stanza.ResourceConstraint},
		"Invites": {cfg: with(muc.Limits{Invites: 1}), before: joined("hecate@shakespeare.lit/broom", "thirdwitch"),
			within: invites("crone@shakespeare.lit/desktop", "bard@shakespeare.lit"), over: invites("hecate@shakespeare.lit/broom", "will@shakespeare.lit"), want: stanza.ResourceConstraint},
		"VCardBytes": {cfg: with(muc.Limits{VCardBytes: 60}), within: says("iq", "type='set'", "<vCard xmlns='vcard-temp'>"+times("FN", 17)+"</vCard>"),
			over: says("iq", "type='set'", "<vCard xmlns='vcard-temp'>"+times("FN", 18)+"</vCard>"), want: stanza.PolicyViolation},
		"PersonInvites": {cfg: with(muc.Limits{PersonInvites: 1}), within: invites("crone@shakespeare.lit/desktop", "bard@shakespeare.lit"),
			over: invites("crone@shakespeare.lit/desktop", "will@shakespeare.lit"), want: stanza.ResourceConstraint},
	}
}

// Who is not inside is told to newcomers only as long as that is few people.
func TestAbsentPeopleAreBounded(t *testing.T) {
	h := open(t, muc.Config{Limits: muc.Limits{Absent: 3}, Defaults: muc.RoomConfig{ShowAbsent: true}})
	for i := range 4 {
		got := h.Join(fmt.Sprintf("guest%d@shakespeare.lit/x", i), fmt.Sprint("guest", i)).Received()
		assert.Equal(t, i, strings.Count(strings.Join(got, ""), "type='unavailable'"))
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("member%d@shakespeare.lit", i)), Affiliation: muc.Member, Nick: fmt.Sprint("member", i)})
	}
	h.Join("late@shakespeare.lit/x", "late").SeesNothingOf("type='unavailable'")
}
