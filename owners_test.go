package muc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// A domain on the list of owners makes nobody an owner, so a room must keep a person
// as well (XEP-0045 §10.4), in whatever way it would lose the last.
//
// rows: A11
func TestADomainIsNoOnlyOwner(t *testing.T) {
	const domain = "<item jid='shakespeare.lit' affiliation='owner'/>"
	const off = "<item jid='crone@shakespeare.lit' affiliation='none'/>"
	h := open(t, muc.Config{Instant: true, Defaults: muc.RoomConfig{Persistent: true}})
	conflict := func(text string) {
		t.Helper()
		h.Handle(text)
		h.IsRefused(stanza.Conflict)
	}
	conflict(makes(domain, off)) // both at once
	require.Nil(t, h.Handle(makes(domain)).Refused)
	conflict(makes(off))
	conflict(configSubmit("c", "muc#roomconfig_roomowners", "shakespeare.lit"))
	h.Refuses(because(stanza.Conflict), muc.RemoveAffiliation{JID: crone.Bare()}, muc.Forget{JID: crone.Bare()})
	h.Refuses(because(stanza.JIDMalformed), muc.Forget{JID: crone.Bare(), Heir: muc.MustParseJID("shakespeare.lit")})
	muctest.Restore(t, h.Config, h.Snapshot(muc.Durable), nil).Refuses(because(stanza.Conflict), muc.Forget{JID: crone.Bare()})

	require.Nil(t, h.Handle(makes("<item jid='bard@shakespeare.lit' affiliation='owner'/>")).Refused)
	require.Nil(t, h.Handle(makes(off)).Refused)
}

// A component that made a room in its own name may do with it what owners may, but
// not leave it to nobody.
//
// rows: A11
func TestAComponentOwnsItsRoom(t *testing.T) {
	h := unborn(t, muc.Config{Instant: true, Defaults: muc.RoomConfig{Persistent: true}})
	h.Join("bot.shakespeare.lit/x", "bot")
	from := func(items string) string {
		return "<iq type='set' id='i' from='bot.shakespeare.lit/x' " + room + "'><query xmlns='http://jabber.org/protocol/muc#admin'>" + items + "</query></iq>"
	}
	require.Nil(t, h.Handle(from("<item jid='bard@shakespeare.lit' affiliation='outcast'/>")).Refused)
	h.Handle(from("<item jid='bot.shakespeare.lit' affiliation='admin'/>"))
	h.IsRefused(stanza.Conflict)
	require.Nil(t, h.Handle(from("<item jid='hecate@shakespeare.lit' affiliation='owner'/>")).Refused)
	require.Nil(t, h.Handle(from("<item jid='bot.shakespeare.lit' affiliation='admin'/>")).Refused)
}
