package muc_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// The host's policy is asked about each configuration that the rules admit; what
// it refuses is refused whole.
//
// rows: I25
func TestPolicyConfigure(t *testing.T) {
	asked := 0
	h := open(t, muc.Config{Policy: policy.Rules{Configure: func(q policy.Configure) *muc.StanzaError {
		asked++
		assert.Equal(t, "crone@shakespeare.lit/desktop", q.JID.String())
		if q.New.Persistent && !q.Old.Persistent {
			return &muc.StanzaError{Condition: stanza.NotAcceptable, Type: stanza.TypeModify, Text: "no room stays here"}
		}
		return nil
	}}})
	before := h.Snapshot(muc.Live)

	h.Handle(configSubmit("c1", "muc#roomconfig_persistentroom", "1", "muc#roomconfig_roomname", "Ours"))
	h.IsRefused(stanza.NotAcceptable)
	assert.Equal(t, before, h.Snapshot(muc.Live))
	assert.Equal(t, 2, asked, "once for the instant room, once now")

	assert.Nil(t, h.Handle(configSubmit("c2", "muc#roomconfig_roomname", "Ours")).Refused)
	assert.Equal(t, "Ours", h.RoomConfig().Name)
}

// Who may create a room, and by which name, is the host's to say.
//
// rows: C31, K4
func TestPolicyCreate(t *testing.T) {
	h := unborn(t, muc.Config{Policy: policy.Rules{Create: func(policy.Create) *muc.StanzaError {
		return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "no room may bear this name"}
	}}})

	crone := h.Client("crone@shakespeare.lit/desktop")
	crone.Joins("firstwitch")
	crone.ReceivesOnly(muctest.Error(stanza.NotAllowed, stanza.TypeCancel))
	crone.IsRefused(stanza.NotAllowed)
	assert.Equal(t, muc.Unborn, h.State())
}

// A change of configuration is one durable event that names what changed, with
// the values before and after.
//
// rows: I37
func TestConfiguredEvent(t *testing.T) {
	h := open(t, muc.Config{})

	fx := h.Handle(configSubmit("c1", "muc#roomconfig_roomname", "A Dark Cave", "muc#roomconfig_moderatedroom", "0"))

	require.Len(t, fx.Durable, 1)
	b := only[*event.Configured](t, fx)
	assert.Equal(t, []event.ConfigChange{{Var: "muc#roomconfig_roomname", Old: []string{""}, New: []string{"A Dark Cave"}}}, b.Changes)
}

// The room's password reaches nobody but owners who ask for the form.
//
// rows: I24, K13
func TestPasswordStaysInside(t *testing.T) {
	const password = "cauldron-burn-4711"
	h := open(t, muc.Config{})
	h.Handle(configSubmit("c1", "muc#roomconfig_roomsecret", password))

	for _, stanza := range []string{
		`<presence from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/thirdwitch'><x xmlns='http://jabber.org/protocol/muc'><password>wrong</password></x></presence>`,
		`<presence from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/firstwitch'><x xmlns='http://jabber.org/protocol/muc'><password>` + password + `</password></x></presence>`,
		`<presence from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit/thirdwitch'><x xmlns='http://jabber.org/protocol/muc'><password>` + password + `</password></x></presence>`,
		`<iq type='get' id='1' from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='get' id='2' from='hag@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
	} {
		fx := h.Handle(stanza)
		for to, xml := range fx.Deliveries("") {
			assert.NotContains(t, string(xml), password, to)
		}
		if fx.Refused != nil {
			assert.NotContains(t, fx.Refused.Error(), password)
		}
	}
	fx := h.Handle(`<iq type='get' id='3' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`)
	require.Len(t, fx.Outbound, 1)
	assert.Contains(t, xmlOf(fx.Outbound[0]), password)
}

// What a room tells strangers about itself is the host's to add to and to
// withhold.
//
// rows: B11, B12
func TestDiscoPolicy(t *testing.T) {
	h := open(t, muc.Config{
		Info: []muc.InfoField{{Var: "muc#roominfo_contactjid", Label: "Contact", Values: []string{"help@shakespeare.lit"}}},
		Policy: policy.Rules{Discover: func(q policy.Discover) *muc.StanzaError {
			if q.Config.Hidden && q.Affiliation < muc.Member {
				return &muc.StanzaError{Condition: stanza.ItemNotFound}
			}
			return nil
		}},
	})
	ask := func(who, ns string) muc.Effects {
		return h.Handle(`<iq type='get' id='d' from='` + who + `' to='coven@chat.shakespeare.lit'><query xmlns='` + ns + `'/></iq>`)
	}
	const info, items = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"

	fx := ask("hag@shakespeare.lit/pda", info)
	assert.Contains(t, xmlOf(fx.Outbound[0]), "help@shakespeare.lit")

	h.Handle(configSubmit("c1", "muc#roomconfig_publicroom", "0"))
	for _, ns := range []string{info, items} {
		ask("hag@shakespeare.lit/pda", ns)
		h.IsRefused(stanza.ItemNotFound)
		assert.Nil(t, ask("crone@shakespeare.lit/desktop", ns).Refused, "who is inside may ask")
	}
}

// The labels of a form are in the asker's language.
//
// rows: M6
func TestLabels(t *testing.T) {
	h := open(t, muc.Config{Label: func(lang, field, label string) string {
		if lang != "de" {
			return label
		}
		switch {
		case field == "muc#roomconfig_roomname":
			return "Name des Raums"
		case field == "muc#roomconfig_whois=anyone":
			return "Alle"
		case field == "" && label == "Who sees whom":
			return "Wer wen sieht"
		case field == "" && label == "Configuration of":
			return "Einstellungen von"
		}
		return label
	}})
	ask := func(lang string) string {
		fx := h.Handle(`<iq type='get' id='f' xml:lang='` + lang + `' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`)
		require.Len(t, fx.Outbound, 1)
		return xmlOf(fx.Outbound[0])
	}
	assert.Contains(t, ask("de"), "Name des Raums")
	for _, text := range []string{"<value>Wer wen sieht</value>", "<option label='Alle'><value>anyone</value></option>",
		"<title>Einstellungen von coven@chat.shakespeare.lit</title>"} {
		assert.Contains(t, ask("de"), text)
	}
	for _, text := range []string{"Name des Raums", "Alle", "Wer wen sieht", "Einstellungen"} {
		assert.NotContains(t, ask("en"), text, "another reader's language leaves no trace")
	}
	assert.Contains(t, ask("de"), "Description of the room", "what the host does not translate stays")
}

// The host ends a room as an owner does, with a tombstone if it likes.
//
// rows: I57, I58
func TestHostDestroys(t *testing.T) {
	h := open(t, muc.Config{})
	fx := h.Do(muc.Destroy{Reason: "Macbeth doth come.", Tombstone: true})

	require.Len(t, fx.Outbound, 1)
	h.Client("crone@shakespeare.lit/desktop").ReceivesOnly(muctest.XML(`<presence type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>` +
		`<destroy><reason>Macbeth doth come.</reason></destroy></x></presence>`))
	assert.Equal(t, muc.Destroyed, h.State())
	last := fx.Durable[len(fx.Durable)-1]
	assert.Equal(t, "destroyed", last.Type())
	text, err := json.Marshal(last)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"tombstone":true`)
	h.Refuses(muc.ErrNotOpen, muc.Say{Body: "anybody?"})
}
