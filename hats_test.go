package muc_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

var (
	hag  = event.Hat{URI: "urn:example:hag", Title: "Hag", Hue: "120", Lang: "en"}
	poet = event.Hat{URI: "urn:example:poet", Title: "Poet"}
)

// withHats is a room with two hats, of which somebody inside has one and somebody outside both.
func withHats(t *testing.T, cfg muc.Config) *muctest.Room {
	cfg.Defaults.Persistent = true
	h := coven(t, cfg)
	h.Do(muc.CreateHat(hag))
	h.Do(muc.CreateHat(poet))
	h.Do(muc.AssignHat{JID: hecate, URI: hag.URI})
	h.Do(muc.AssignHat{JID: bard, URI: poet.URI})
	h.Do(muc.AssignHat{JID: bard, URI: hag.URI})
	return h
}

// What a host reads of hats survives a restart, in the order in which presences show it.
//
// rows: R1
func TestHatsAreRead(t *testing.T) {
	h := withHats(t, muc.Config{})
	for range 2 {
		assert.Equal(t, []event.Hat{hag, poet}, slices.Collect(h.Hats()))
		assert.Equal(t, map[muc.JID][]event.Hat{hecate.Bare(): {hag}, bard.Bare(): {hag, poet}}, maps.Collect(h.AssignedHats()))
		for range h.Hats() {
			break
		}
		var first muc.JID
		for who := range h.AssignedHats() {
			first = who
			break
		}
		assert.Equal(t, bard.Bare(), first)
		h.Restart()
	}
	assert.Empty(t, slices.Collect(coven(t, muc.Config{}).Hats()))

	h.Do(muc.UnassignHat{JID: bard, URI: hag.URI})
	h.Do(muc.UnassignHat{JID: bard, URI: poet.URI})
	h.Do(muc.DestroyHat{URI: hag.URI})
	assert.Equal(t, []event.Hat{poet}, slices.Collect(h.Hats()))
	assert.Empty(t, maps.Collect(h.AssignedHats()))
}

// The host's commands for hats, and those of people: what they refuse changes nothing.
//
// rows: R3, R5
func TestHatsAreRefused(t *testing.T) {
	h := withHats(t, muc.Config{})
	h.Refuses(muc.ErrMissing, muc.CreateHat{}, muc.CreateHat{URI: "urn:x:y"}, muc.CreateHat{Title: "X"}, muc.DestroyHat{}, muc.AssignHat{}, muc.AssignHat{JID: bard},
		muc.AssignHat{URI: hag.URI}, muc.UnassignHat{}, muc.UnassignHat{JID: bard}, muc.UnassignHat{URI: hag.URI})
	h.Refuses(muc.ErrNotFound, muc.DestroyHat{URI: "urn:x:y"}, muc.AssignHat{JID: bard, URI: "urn:x:y"})
	h.Refuses(because(stanza.BadRequest), muc.CreateHat{URI: "urn:x:y", Title: " \n"}, muc.CreateHat{URI: "urn:x:y", Title: "\x01"}, muc.CreateHat{URI: "urn:x:y\x01", Title: "X"},
		muc.CreateHat{URI: "urn:x:y", Title: "X", Lang: "\xff"}, muc.CreateHat{URI: "x", Title: "X"}, muc.CreateHat{URI: "urn:x y", Title: "X"}, muc.CreateHat{URI: "%:", Title: "X"})
	for _, hue := range []string{"361", "-1", "red", "1e2", "0x10", "NaN", "Inf", "+5", "1_0", " 1", "."} {
		h.Refuses(because(stanza.BadRequest), muc.CreateHat{URI: "urn:x:y", Title: "X", Hue: hue})
	}
	h.Refuses(because(stanza.JIDMalformed), muc.AssignHat{JID: muc.MustParseJID("shakespeare.lit"), URI: hag.URI}, muc.AssignHat{JID: h.Config.Room, URI: hag.URI})
	for _, who := range []muc.JID{hecate, wicca, bard} {
		h.RefusesAs(who, because(stanza.Forbidden), muc.CreateHat{URI: "urn:x:y", Title: "X"}, muc.CreateHat(hag), muc.CreateHat{URI: "x", Title: "X"}, muc.DestroyHat{URI: hag.URI},
			muc.DestroyHat{URI: "urn:x:y"}, muc.AssignHat{JID: who, URI: poet.URI}, muc.AssignHat{JID: who, URI: "urn:x:y"}, muc.UnassignHat{JID: bard, URI: hag.URI}, muc.UnassignHat{JID: who, URI: "urn:x:y"})
	}
	for _, hue := range []string{"0", "360", "327.255249"} {
		h.DoAs(crone, muc.CreateHat{URI: "urn:x:y", Title: "X", Hue: hue})
	}
	// Whose act it is stands in the event.
	assert.Equal(t, crone, only[*event.HatAssigned](t, h.DoAs(crone, muc.AssignHat{JID: wicca, URI: "urn:x:y"})).Actor.JID)
	assert.Equal(t, event.Actor{}, only[*event.HatUnassigned](t, h.Do(muc.UnassignHat{JID: wicca, URI: "urn:x:y"})).Actor)
}

// Who is told of a change sees the presence of the wearer once, under each nick, and a
// second device as the first.
//
// rows: R1
func TestHatsOfSeveralNicks(t *testing.T) {
	h := withHats(t, muc.Config{})
	h.Join("hecate@shakespeare.lit/cave", "moon")
	h.Join("hecate@shakespeare.lit/phone", "moon")
	owner := h.Client("crone@shakespeare.lit/desktop")
	owner.Received()
	h.Do(muc.CreateHat{URI: hag.URI, Title: "Goddess"})
	for _, want := range []muctest.Want{muctest.Presence("thirdwitch"), muctest.Presence("moon")} {
		owner.Receives(want.With("<hats xmlns='urn:xmpp:hats:0'><hat uri='urn:example:hag' title='Goddess'/></hats>"))
	}
	owner.ReceivesOnly(muctest.XML("<message type='groupchat'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>"))
}

// Nobody but moderators is shown a hidden occupant by a hat, nor a hat of one who disappears.
//
// rows: R1
func TestHatsOfHiddenPeople(t *testing.T) {
	h := withHats(t, muc.Config{Defaults: muc.RoomConfig{HiddenRoles: muc.Roles(muc.Visitor)}})
	member := h.Client("wiccarocks@shakespeare.lit/laptop")
	member.Received()
	h.Do(muc.SetRole{Nick: "thirdwitch", Role: muc.Visitor})
	member.SeesNothingOf("<hats")
	member.ReceivesOnly(muctest.Unavailable("thirdwitch").As(muc.AffiliationNone, muc.RoleNone))
	h.Do(muc.AssignHat{JID: hecate, URI: poet.URI})
	member.ReceivesNothing()
	h.Client("crone@shakespeare.lit/desktop").Receives(muctest.Presence("thirdwitch"))
}

// Hats are found under an address that newer tables would change, also by those who copy it
// out of the list.
func TestHatsOfOldAddresses(t *testing.T) {
	h := withHats(t, muc.Config{})
	h.Do(muc.AssignHat{JID: muc.MustParseJID("old@shakespeare.lit"), URI: hag.URI})
	h.Do(muc.AssignHat{JID: muc.MustParseJID("old@shakespeare.lit"), URI: poet.URI})
	log := h.Events()
	for i, ev := range log {
		line, err := ev.MarshalJSON()
		require.NoError(t, err)
		require.NoError(t, log[i].UnmarshalJSON([]byte(strings.ReplaceAll(string(line), `"old@`, "\"Old\u0130@"))))
	}
	h = muctest.Restore(t, h.Config, nil, log)
	var old muc.JID
	for who := range h.AssignedHats() {
		if who.Local() == "Old\u0130" {
			old = who
		}
	}
	only[*event.HatUnassigned](t, h.Do(muc.UnassignHat{JID: old, URI: hag.URI}))
	require.Nil(t, h.Handle(hat("unassign", "jid", "Old\u0130@shakespeare.lit", "uri", poet.URI)).Refused)
	assert.Len(t, maps.Collect(h.AssignedHats()), 2)
}

// The list of who has which hats ends where an answer would be too large, and says so.
//
// rows: R5
func TestListOfAssignedHatsIsBounded(t *testing.T) {
	h := withHats(t, muc.Config{Limits: muc.Limits{PageBytes: 2000}})
	for i := range 20 {
		h.Do(muc.AssignHat{JID: muc.MustParseJID(fmt.Sprintf("witch%02d@shakespeare.lit", i)), URI: hag.URI})
	}
	owner := h.Client("crone@shakespeare.lit/desktop")
	owner.Received()
	owner.Sends(`<iq type='set' id='l' to='coven@chat.shakespeare.lit'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list-assigned'/></iq>`)
	got := strings.Join(owner.Received(), "")
	rows := strings.Count(got, "<item>")
	assert.Equal(t, 7, rows, got)
	assert.Less(t, len(got), 2000+1000)
	assert.Contains(t, got, fmt.Sprintf("not listed here: %d</note>", 23-rows))
	cfg := h.Config
	cfg.Limits.PageBytes = 1
	one := muctest.Restore(t, cfg, h.Snapshot(muc.Live), nil)
	fx := one.Handle(says("iq", "type='set'", "<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list-assigned'/>"))
	assert.Equal(t, 1, strings.Count(xmlOf(fx.Outbound[0]), "<item>"))
}

// A hat that too many occupants wear neither changes nor ends: each of them would have to be
// told of to all. That they lose it one by one, or leave, is not bounded.
func TestHatsOfMany(t *testing.T) {
	h := withHats(t, muc.Config{Limits: muc.Limits{ItemsPerSet: 3}})
	h.Do(muc.CreateHat{URI: "urn:x:y", Title: "X"})
	for i := range 4 {
		who := fmt.Sprintf("moth%d@shakespeare.lit", i)
		h.Join(who+"/x", fmt.Sprint("moth", i))
		h.Do(muc.AssignHat{JID: muc.MustParseJID(who), URI: "urn:x:y"})
	}
	many, end := muc.CreateHat{URI: "urn:x:y", Title: "Y"}, muc.DestroyHat{URI: "urn:x:y"}
	h.Refuses(because(stanza.ResourceConstraint), many, end)
	h.Do(muc.CreateHat{URI: "urn:x:y", Title: "X"}) // as it is
	h.Client("moth3@shakespeare.lit/x").Leaves()
	h.Do(many)
	h.Client("moth0@shakespeare.lit/x").Receives(muctest.Presence("moth1").With("<hats xmlns='urn:xmpp:hats:0'><hat uri='urn:x:y' title='Y'/></hats>"))
	h.Do(end)
}

// What was stored under higher limits is not shown under lower ones, and can be destroyed.
//
// rows: R5
func TestHatsUnderLowerLimits(t *testing.T) {
	h := withHats(t, muc.Config{})
	long := muc.CreateHat{URI: "urn:long", Title: strings.Repeat("long ", 80)}
	h.Do(long)
	h.Do(muc.AssignHat{JID: hecate, URI: long.URI})
	h.Do(muc.AssignHat{JID: hecate, URI: poet.URI})
	cfg := h.Config
	cfg.Limits = muc.Limits{Hats: 1, HatBytes: 100, PersonHats: 1, HatWearers: 1}
	low := muctest.Restore(t, cfg, h.Snapshot(muc.Live), nil)
	assert.Equal(t, string(h.Snapshot(muc.Live)), string(low.Snapshot(muc.Live)))
	newcomer := low.Join("moth@shakespeare.lit/x", "moth")
	newcomer.Receives(muctest.Presence("thirdwitch").With("<hats xmlns='urn:xmpp:hats:0'><hat uri='urn:example:hag' title='Hag' hue='120' xml:lang='en'/></hats>"))
	newcomer.SeesNothingOf("urn:long")
	newcomer.SeesNothingOf(poet.URI)
	cfg.Limits = muc.Limits{HatBytes: 100}
	newcomer = muctest.Restore(t, cfg, h.Snapshot(muc.Live), nil).Join("moth@shakespeare.lit/x", "moth")
	newcomer.SeesNothingOf("urn:long")
	assert.Contains(t, strings.Join(newcomer.Received(), ""), poet.URI)
	low.Do(muc.DestroyHat{URI: long.URI})
	low.Refuses(because(stanza.ResourceConstraint), muc.CreateHat{URI: "urn:x:y", Title: "X"}, muc.AssignHat{JID: wicca, URI: hag.URI})
}

// A room tells no hats of its own that it did not get.
func TestHatEventsThatCannotBe(t *testing.T) {
	h := withHats(t, muc.Config{})
	for _, body := range []event.Body{
		&event.HatCreated{}, &event.HatCreated{Hat: event.Hat{URI: "urn:x:y"}}, &event.HatDestroyed{URI: "urn:x:y"}, &event.HatAssigned{JID: bard.Bare(), URI: "urn:x:y"},
		&event.HatAssigned{JID: bard.Bare(), URI: hag.URI}, &event.HatAssigned{URI: hag.URI}, &event.HatAssigned{JID: muc.MustParseJID("shakespeare.lit"), URI: hag.URI},
		&event.HatAssigned{JID: muc.MustParseJID("a@b/c"), URI: hag.URI}, &event.HatUnassigned{JID: hecate.Bare(), URI: poet.URI}, &event.HatUnassigned{JID: wicca.Bare(), URI: hag.URI},
	} {
		require.ErrorIs(t, h.Room.Apply(event.Event{Seq: h.Seq() + 1, Time: h.Now, Body: body}), muc.ErrCorrupt, "%+v", body)
	}
}
