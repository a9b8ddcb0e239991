package proptest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gomuc/muc"
)

// crammed stores as much as it may in a room, by the largest limits, and with what takes
// most space in XML.
func crammed(t *rapid.T, cfg muc.Config) *muc.Room {
	long := func(what string, most int) string {
		n := rapid.SampledFrom([]int{0, 1, most / 9, most / 2, most}).Draw(t, what)
		return strings.Repeat(rapid.SampledFrom([]string{"x", "'", "&", "<"}).Draw(t, "letter"), n)
	}
	room, err := muc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	do := func(cmd muc.Command) {
		now = now.Add(time.Second)
		_, _ = room.Do(now, cmd) // what is refused is not stored
	}
	owner := muc.MustParseJID("alice@one.example/a")
	do(muc.Create{Owner: owner, Config: muc.RoomConfig{Name: long("name", 4000), Description: long("description", 4000), Lang: long("lang", 4000),
		Password: long("password", 4000), Persistent: true, ListOccupants: true, ShowAbsent: true}})
	handle := func(from, kind, attrs, payload string) {
		now = now.Add(time.Second)
		_, _ = room.Handle(now, parse(fmt.Sprintf("<%s from='%s' %s>%s</%s>", kind, from, attrs, payload, kind)))
	}
	to := "to='" + roomJID.String()
	reason, status := long("reason", 9000), long("status", 4000)
	hats := rapid.IntRange(0, 50).Draw(t, "hats")
	for i := range hats {
		do(muc.CreateHat{URI: fmt.Sprintf("urn:hat:%d", i), Title: "h" + long("title", 480)})
	}
	for i := range rapid.IntRange(0, 120).Draw(t, "people") {
		who := muc.MustParseJID(fmt.Sprintf("%s%d@two.example", strings.Repeat("y", rapid.SampledFrom([]int{1, 900}).Draw(t, "address")), i))
		aff := rapid.SampledFrom([]muc.Affiliation{muc.Outcast, muc.Member, muc.Admin, muc.Owner}).Draw(t, "affiliation")
		do(muc.SetAffiliation{JID: who, Affiliation: aff, Nick: fmt.Sprintf("nick%d%s", i, long("nick", 200)), Reason: reason})
		for k := range min(hats, 10) {
			do(muc.AssignHat{JID: who, URI: fmt.Sprintf("urn:hat:%d", (i+k)%hats)})
		}
		do(muc.Join{JID: who, Nick: fmt.Sprintf("guest%d%s", i, long("guest", 200))})
	}
	handle(owner.String(), "presence", to+"/Ann'", "<x xmlns='http://jabber.org/protocol/muc'/>")
	handle(owner.String(), "presence", to+"/Ann'", "<status>"+strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(status)+"</status>")
	body := "<x xmlns='urn:x'>" + strings.Repeat("x", rapid.SampledFrom([]int{10, 9000, 60000, 250000}).Draw(t, "payload")) + "</x>"
	handle(owner.String(), "iq", "type='set' id='v' "+to+"'", "<vCard xmlns='vcard-temp'>"+body+"</vCard>")
	handle(owner.String(), "message", "type='groupchat' "+to+"'", "<body>b</body>"+body)
	handle(owner.String(), "message", "type='groupchat' "+to+"'", "<subject>s</subject>"+body)
	return room
}

// TestOutboundIsBounded: whatever was stored, also by other limits than those of today,
// no stanza is larger than it may be, and every request has an answer.
func TestOutboundIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := muc.Config{Room: roomJID, Secret: []byte(secret), Instant: true, LegacyInvites: true, Archive: true, TellAbsent: true,
			Limits: muc.Limits{OutboundBytes: 1 << 20, StanzaBytes: 1 << 18, ReasonBytes: 9000, FieldBytes: 4096, NameBytes: 4096, PresenceBytes: 1 << 16, StatusBytes: 1 << 16,
				NickBytes: 1000, NickChars: 1000, NicksPerPerson: 1000}}
		was := crammed(t, cfg)
		if !rapid.Bool().Draw(t, "same limits") {
			cfg.Limits = muc.Limits{OutboundBytes: rapid.SampledFrom([]int{0, 40000, 70000}).Draw(t, "outbound")}
			if cfg.Limits.OutboundBytes > 0 {
				cfg.Limits.PageBytes = rapid.SampledFrom([]int{1, 900, 5000}).Draw(t, "page")
			}
		}
		room, err := muc.Restore(cfg, was.Snapshot(muc.Live), nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
		play := func(xml string) int {
			now = now.Add(time.Second)
			fx, err := room.Handle(now, parse(xml))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, out := range fx.Outbound {
				for _, j := range out.To() {
					text := string(out.AppendXML(nil, j, ""))
					if fault := unbounded(&cfg.Limits, text, 12*pageFrame); fault != "" {
						t.Fatalf("%s: %d bytes: %.300s", fault, len(text), text)
					}
					n++
				}
			}
			return n
		}
		to := "to='" + roomJID.String()
		for _, query := range []string{
			"get'><query xmlns='http://jabber.org/protocol/disco#info'/>", "get'><query xmlns='http://jabber.org/protocol/disco#items'/>",
			"get'><query xmlns='http://jabber.org/protocol/muc#owner'/>", "get'><query xmlns='jabber:iq:register'/>", "get'><vCard xmlns='vcard-temp'/>",
			"get'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query>",
			"get'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>",
			"get'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/><set xmlns='http://jabber.org/protocol/rsm'><before/></set></query>",
			"get'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query>",
			"set'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list'/>",
			"set'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:list-assigned'/>",
			"set'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:assign'/>",
			"set'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/><x xmlns='urn:x'>" + strings.Repeat("x", 39000) + "</x></query>",
		} {
			for _, id := range []string{"i", strings.Repeat("&apos;", 1000)} {
				if n := play("<iq id='" + id + "' from='alice@one.example/a' " + to + "' type='" + query + "</iq>"); n != 1 && (id == "i" || cfg.Limits.OutboundBytes != 0) {
					t.Fatalf("%d answers to %s", n, query)
				}
			}
		}
		play("<presence from='zoe@one.example/a' " + to + "/Zoe'><x xmlns='http://jabber.org/protocol/muc'><password>x</password></x></presence>")
		play("<presence from='alice@one.example/a' " + to + "/Ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		play("<message from='alice@one.example/a' " + to + "'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@two.example'><reason>" +
			strings.Repeat("&apos;", 600) + "</reason></invite></x></message>")
		play("<message type='groupchat' from='alice@one.example/a' " + to + "'><body>b</body><x xmlns='urn:x'>" + strings.Repeat("x", 31000) + "</x></message>")
	})
}
