package muc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// small are limits of a host whose server takes little.
var small = muc.Limits{OutboundBytes: 40000, PageBytes: 4000, ReasonBytes: 200, FieldBytes: 400, NameBytes: 100}

// largest is the size of the largest stanza of a step, for whom it is largest.
func largest(fx muc.Effects) (n int) {
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			n = max(n, len(out.AppendXML(nil, to, "")))
		}
	}
	return n
}

// asked is an iq of the owner's and the one answer to it.
func asked(t *testing.T, h *muctest.Room, typ, payload string) string {
	t.Helper()
	fx := h.Handle(says("iq", "type='"+typ+"'", payload))
	require.Len(t, fx.Outbound, 1)
	return xmlOf(fx.Outbound[0])
}

const (
	adminQuery = "<query xmlns='http://jabber.org/protocol/muc#admin'>"
	rsmSet     = "<set xmlns='http://jabber.org/protocol/rsm'>"
)

// Lists are bounded by bytes as well as by number: what is longer comes in pages, also
// to those who did not ask for one, and the pages together are the list.
//
// rows: L12
func TestListsComeInPagesOfBytes(t *testing.T) {
	h := open(t, muc.Config{Instant: true, Limits: small})
	reason := strings.Repeat("&", 200)
	for i := range 60 {
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("witch%d@shakespeare.lit", i)), Affiliation: muc.Outcast, Reason: reason})
		h.Do(muc.Join{JID: muc.MustParseJID(fmt.Sprintf("guest%d@shakespeare.lit", i)), Nick: fmt.Sprintf("guest%d%s", i, strings.Repeat("'", 50))})
	}
	for name, c := range map[string]struct {
		query, end string
		most       int
	}{
		"affiliations": {adminQuery + "<item affiliation='outcast'/>", "</query>", 60},
		"roles":        {adminQuery + "<item role='participant'/>", "</query>", 60},
		"items":        {"<query xmlns='http://jabber.org/protocol/disco#items'>", "</query>", 61},
	} {
		for _, backward := range []bool{false, true} {
			seen, pages := map[string]bool{}, 0
			set := ""
			if backward {
				set = rsmSet + "<before/></set>"
			}
			for len(seen) < c.most {
				answer := asked(t, h, "get", c.query+set+c.end)
				require.LessOrEqual(t, len(answer), small.PageBytes+2000, name)
				q := parse(answer).SelectElement("query")
				rsm := q.SelectElement("set")
				require.NotNil(t, rsm, "%s: %s", name, answer)
				items := q.SelectElements("item")
				require.NotEmpty(t, items, name)
				for _, item := range items {
					key := item.SelectAttrValue("nick", item.SelectAttrValue("jid", "")) + item.SelectAttrValue("name", "")
					require.False(t, seen[key], "%s: twice: %s", name, key)
					seen[key] = true
				}
				assert.Equal(t, fmt.Sprint(c.most), rsm.SelectElement("count").Text())
				set = rsmSet + "<after>" + rsm.SelectElement("last").Text() + "</after></set>"
				if backward {
					set = rsmSet + "<before>" + rsm.SelectElement("first").Text() + "</before></set>"
				}
				pages++
			}
			assert.Greater(t, pages, 2, name)
		}
	}
}

// Long lists of admins and owners stand in no form, and what was not shown is not taken
// away by what comes back.
//
// rows: L12
func TestLongRanksAreNotInTheForm(t *testing.T) {
	h := open(t, muc.Config{Instant: true})
	form := func() string {
		return asked(t, h, "get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>")
	}
	for i := range 100 {
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("admin%d@shakespeare.lit", i)), Affiliation: muc.Admin})
	}
	assert.Contains(t, form(), "muc#roomconfig_roomadmins")
	h.Do(muc.SetAffiliation{JID: bard.Bare(), Affiliation: muc.Admin})
	assert.NotContains(t, form(), "muc#roomconfig_roomadmins")
	assert.Contains(t, form(), "muc#roomconfig_roomowners")
	for _, admins := range []string{"", "hecate@shakespeare.lit"} {
		require.Nil(t, h.Handle(configSubmit("c", "muc#roomconfig_roomadmins", admins)).Refused)
		assert.Equal(t, muc.Admin, affiliationIn(h.Room, bard.Bare()))
	}
	assert.Equal(t, muc.Admin, affiliationIn(h.Room, hecate.Bare()))

	long := strings.Repeat("x", 900)
	h = open(t, muc.Config{Instant: true, Limits: small})
	for i := range 5 {
		h.Do(muc.SetAffiliation{JID: muc.MustParseJID(fmt.Sprintf("%s%d@shakespeare.lit", long, i)), Affiliation: muc.Admin})
	}
	answer := form()
	assert.NotContains(t, answer, long)
	assert.LessOrEqual(t, len(answer), small.OutboundBytes)
	require.Nil(t, h.Handle(configSubmit("c", "muc#roomconfig_roomadmins", "")).Refused)
	assert.Equal(t, muc.Admin, affiliationIn(h.Room, muc.MustParseJID(long+"0@shakespeare.lit")))
}

// No stanza is larger than Limits.OutboundBytes, also where a room of other limits has
// stored what is: requests are answered that it is too large, all else is not sent.
//
// rows: L12
func TestNothingLargeGoesOut(t *testing.T) {
	answers := func(string, string) bool { return true }
	h := open(t, muc.Config{Instant: true, AnswersIQ: answers})
	h.Client("hecate@shakespeare.lit/broom").Joins("thirdwitch")
	large := strings.Repeat("x", 60000)
	h.Handle(says("presence", "", "<x xmlns='urn:x'>"+large[:16000]+"</x>"))
	h.Handle(message("<body>Hail!</body><x xmlns='urn:x'>" + large + "</x>"))
	h.Handle(message("<subject>" + large[:4000] + "</subject><x xmlns='urn:x'>" + large + "</x>"))
	h.Handle(configSubmit("c", "muc#roomconfig_roomdesc", strings.Repeat("&amp;", 4000), "muc#roomconfig_roomname", "coven"))
	h.Config.Limits = small
	h.Config.Limits.PresenceBytes = 8000
	h.Config.Info = []muc.InfoField{{Var: "x-large", Values: []string{large}}}
	h = muctest.Restore(t, h.Config, h.Snapshot(muc.Live), nil)

	fx := h.Client("bard@shakespeare.lit/globe").Joins("bard")
	require.Nil(t, fx.Refused)
	assert.LessOrEqual(t, largest(fx), small.OutboundBytes)
	told := h.Client("bard@shakespeare.lit/globe").Received()
	require.NotEmpty(t, told)
	assert.Contains(t, told[len(told)-1], "<subject>", "which ends the entry")
	h.Client("bard@shakespeare.lit/globe").SeesNothingOf("Hail!")
	for _, query := range []string{"<query xmlns='http://jabber.org/protocol/disco#info'/>", "<query xmlns='http://jabber.org/protocol/muc#owner'/>"} {
		answer := asked(t, h, "get", query)
		assert.LessOrEqual(t, len(answer), small.OutboundBytes)
	}
	assert.Contains(t, asked(t, h, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), "<resource-constraint ")

	// What the request would be repeated in is left out where it does not fit.
	marks := strings.Repeat("&apos;", 1000)
	fx = h.Handle("<iq type='set' id='" + marks + "' from='hecate@shakespeare.lit/" + marks + "' " + room + "'><query xmlns='http://jabber.org/protocol/muc#owner'>" +
		"<x xmlns='urn:x'>" + large[:31000] + "</x></query></iq>")
	h.IsRefused(stanza.Forbidden)
	assert.LessOrEqual(t, largest(fx), small.OutboundBytes)
	h.Handle("<message type='groupchat' id='" + marks + "' from='crone@shakespeare.lit/desktop' " + room + "'><body>b</body><x xmlns='urn:x'>" + large[:31500] + "</x></message>")
	h.IsRefused(stanza.PolicyViolation)
	h.Config.Policy.Discover = func(policy.Discover) *muc.StanzaError {
		return &muc.StanzaError{Condition: stanza.NotAllowed, Text: large}
	}
	h = muctest.Restore(t, h.Config, h.Snapshot(muc.Live), nil)
	fx = h.Handle("<iq type='get' id='i' from='macbeth@shakespeare.lit/x' " + room + "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	require.Len(t, fx.Outbound, 1)
	assert.LessOrEqual(t, largest(fx), small.OutboundBytes)

	// An answer that is too large to be passed on becomes an error.
	h.Handle(enters("macbeth@shakespeare.lit/"+marks, "thane"))
	fx = h.Handle("<iq type='get' id='" + marks + "' from='macbeth@shakespeare.lit/" + marks + "' " + room + "/thirdwitch'><q xmlns='urn:x'/></iq>")
	require.Nil(t, fx.Refused)
	require.Len(t, fx.Outbound, 1)
	id := strings.ReplaceAll(fx.Outbound[0].Stanza().SelectAttrValue("id", ""), "'", "&apos;")
	fx = h.Handle("<iq type='result' id='" + id + "' from='hecate@shakespeare.lit/broom' " + room + "/thane'><q xmlns='urn:x'>" + large[:31700] + "</q></iq>")
	require.Len(t, fx.Outbound, 1)
	assert.LessOrEqual(t, largest(fx), small.OutboundBytes)
	assert.Contains(t, xmlOf(fx.Outbound[0]), "<policy-violation ")
}

// Limits that cannot be kept are an error of the host's; those that follow from others
// do.
//
// rows: L12
func TestLimitsFitEachOther(t *testing.T) {
	make := func(l muc.Limits) error {
		_, err := muc.New(muc.Config{Room: muc.MustParseJID("coven@chat.shakespeare.lit"), Secret: []byte("a secret of sixteen bytes or more"), Limits: l})
		return err
	}
	for _, l := range []muc.Limits{{}, {OutboundBytes: 65536}, {OutboundBytes: 1 << 20}, {StanzaBytes: 1 << 20}, small, {StanzaBytes: 3000}} {
		assert.NoError(t, make(l), "%+v", l)
	}
	for _, l := range []muc.Limits{{OutboundBytes: 65536, StanzaBytes: 65536}, {OutboundBytes: 1000}, {PageBytes: 262144}, {ReasonBytes: 20000},
		{FieldBytes: 65536}, {NameBytes: 40000}, {VCardBytes: 262144}, {PersonHats: 500}, {Hats: 500}, {HatBytes: 30000}, {OutboundBytes: 65536, StanzaBytes: 16384, PresenceBytes: 65536}} {
		err := make(l)
		assert.True(t, errors.Is(err, muc.ErrConfig), "%+v: %v", l, err)
	}
}

// A name that was stored when names could be longer stays until somebody changes it.
//
// rows: L12
func TestOldNamesStay(t *testing.T) {
	old := strings.Repeat("x", 2000)
	h := open(t, muc.Config{Instant: true, Limits: muc.Limits{NameBytes: 4096}})
	require.Nil(t, h.Handle(configSubmit("c", "muc#roomconfig_roomname", old)).Refused)
	h.Config.Limits = muc.Limits{}
	room, err := muc.Restore(h.Config, h.Snapshot(muc.Live), nil)
	require.NoError(t, err)
	h.Room = room
	require.Nil(t, h.Handle(configSubmit("c", "muc#roomconfig_roomname", old, "muc#roomconfig_moderatedroom", "1")).Refused)
	conf := h.RoomConfig()
	conf.MembersOnly = true
	h.Do(muc.Reset{Config: conf})
	h.Handle(configSubmit("c", "muc#roomconfig_roomname", old+"x"))
	h.IsRefused(stanza.PolicyViolation)
	conf.Name += "x"
	h.Refuses(because(stanza.PolicyViolation), muc.Reset{Config: conf}, muc.Reset{Config: muc.RoomConfig{Lang: old}})
}

// The host may trust some with any number of nicks: bridges have one account for many
// people.
//
// rows: L12
func TestManyNicks(t *testing.T) {
	h := open(t, muc.Config{Instant: true, Limits: muc.Limits{NicksPerPerson: 2}, ManyNicks: func(j muc.JID) bool { return j == hecate.Bare() }})
	for i := range 20 {
		h.Join(fmt.Sprintf("hecate@shakespeare.lit/%d", i), fmt.Sprintf("guest%d", i))
		if fx := h.Client(fmt.Sprintf("bard@shakespeare.lit/%d", i)).Joins(fmt.Sprintf("bard%d", i)); i >= 2 {
			require.NotNil(t, fx.Refused)
		}
	}
}
