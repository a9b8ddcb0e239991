package muc_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// world is one room and a few people, driven by a list of bytes, and everything
// that must hold of a room whatever happens to it.
type world struct {
	t    testing.TB
	in   []byte // what is left of the list
	cfg  muc.Config
	room *muc.Room
	now  time.Time
	log  []muc.Event
	// live and durable are where the log starts from; nil for an unborn room.
	live, durable []byte
	// blind looks away: where hostile texts stand for JIDs, and to save time.
	blind bool
	// stays keeps the room where it is instead of moving it at each rebuild.
	stays bool
	// trace is all that the room said, where that is wanted.
	trace *strings.Builder

	requests int // so far
	asks     []muc.Ask
	relayed  []muc.Outbound // iqs that the room passed on
	private  []muc.Outbound // messages that it passed on or sent to one
	forms    []muc.Outbound // requests for approval
}

var (
	worldSecret = []byte("the secret nobody must ever see")
	worldUsers  = []string{"amy@one.lit", "bob@one.lit", "cat@one.lit", "dan@two.lit", "eve@two.lit", "gil@three.lit"}
	worldNicks  = []string{"Amy", "amy", "Bob", "Dr. Who", "Zoë", "李雷", "❤️", "a&b<'\">", " ", "", "x\u202Ey", strings.Repeat("n", 80)}
	worldTexts  = []string{"", "hello", "a <b> & 'c' \"d\"", "line\nbreak\ttab", strings.Repeat("long ", 300), "🦄"}
)

// newWorld makes a room whose configuration is taken from the list too.
func newWorld(t testing.TB, in []byte) *world {
	w := &world{t: t, in: in, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.cfg = muc.Config{Room: muc.MustParseJID("room@chat.lit"), Secret: worldSecret,
		Instant: !w.one(3), Registration: muc.Registration(w.pick(3)), NickLockdown: muc.Lockdown(w.pick(3)),
		EndUnconfigured: w.one(2), CreateByForm: w.one(2), Tombstones: w.one(2), VisitorsInvite: w.one(2),
		LegacyInvites: w.one(2), SpeakFromOutside: w.one(2)}
	w.cfg.Defaults = muc.RoomConfig{Persistent: !w.one(8), Moderated: w.one(2), MembersOnly: w.one(4), NoArchive: w.one(3)}
	w.cfg.Archive, w.cfg.SelfKick, w.cfg.TellAbsent, w.cfg.ShowActivity = w.one(2), w.one(2), w.one(2), w.one(2)
	if w.one(3) {
		w.cfg.AsksJoin = func(r muc.JoinRequest) bool { return r.JID.Domain() == "two.lit" }
	}
	if w.one(4) {
		w.cfg.IsOwner = func(j muc.JID) bool { return j.Local() == "gil" }
	}
	w.cfg.AnswersIQ = func(space, _ string) bool { return space == "urn:ask" }
	if w.one(2) {
		w.cfg.Limits = muc.Limits{Occupants: 3, SessionsPerNick: 2, NicksPerPerson: 2, History: 2, HistoryBytes: 600,
			Affiliations: 4, Asks: 2, Privates: 2, Invites: 2, PersonInvites: 1, VoiceRequests: 1, ItemsPerSet: 3}
	}
	if w.one(4) {
		w.cfg.Rates = muc.Rates{Messages: muc.Rate{Burst: 2, Every: time.Second}, Presence: muc.Rate{Burst: 3, Every: time.Second}}
	}
	w.begin()
	return w
}

// pick takes a number below n off the list.
func (w *world) pick(n int) int {
	if len(w.in) == 0 {
		return 0
	}
	b := w.in[0]
	w.in = w.in[1:]
	return int(b) % n
}

// one is true once in n.
func (w *world) one(n int) bool { return w.pick(n) == n-1 }

func choose[T any](w *world, list []T) T { return list[w.pick(len(list))] }

func (w *world) user() string { return choose(w, worldUsers) }

// nick is anybody's, or one that is used now.
func (w *world) nick() string {
	if who := w.present(); len(who) > 0 && w.one(2) {
		return choose(w, who).Nick
	}
	return choose(w, worldNicks)
}

func (w *world) present() []muc.Occupant { return slices.Collect(w.room.Occupants()) }

func (w *world) text() string { return escape(choose(w, worldTexts)) }

// full is a client of somebody, often of somebody inside.
func (w *world) full() string {
	if who := w.present(); len(who) > 0 && !w.one(4) {
		if o := choose(w, who); len(o.Sessions) > 0 {
			return choose(w, o.Sessions).String()
		}
	}
	return w.user() + choose(w, []string{"/a", "/b", "/c"})
}

// ruler is a client of an owner or admin inside, if there is one.
func (w *world) ruler() string {
	for _, o := range w.present() {
		if o.Affiliation >= muc.Admin && len(o.Sessions) > 0 && !w.one(4) {
			return choose(w, o.Sessions).String()
		}
	}
	return w.full()
}

// occupant is the address of a nick, or of the room.
func (w *world) occupant() string { return escape("room@chat.lit/" + w.nick()) }

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// step does the next thing on the list.
func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.pick(8)) * 300 * time.Millisecond)
	choose(w, worldSteps)(w)
	if w.room.State() == muc.Destroyed && w.one(4) {
		w.rebuild()
		w.begin()
	}
}

// begin makes a new room of the same name.
func (w *world) begin() {
	var err error
	w.room, err = muc.New(w.cfg)
	require.NoError(w.t, err)
	w.log, w.asks, w.relayed, w.private, w.forms = nil, nil, nil, nil, nil
}

// unchanged looks at the room, and returns what looks whether it is the same.
func (w *world) unchanged() func() {
	if w.blind {
		return func() {}
	}
	state := w.room.Snapshot(muc.Live)
	return func() { require.Equal(w.t, string(state), string(w.room.Snapshot(muc.Live))) }
}

// send hands a stanza to the room and judges what comes out.
func (w *world) send(text string) muc.Effects {
	doc := etree.NewDocument()
	require.NoError(w.t, doc.ReadFromString(text), text)
	el := doc.Root()
	unchanged := w.unchanged()
	fx, err := w.room.Handle(w.now, el)
	if errors.Is(err, muc.ErrNotForRoom) {
		return fx
	}
	require.NoError(w.t, err, text)
	w.take(fx)
	w.judgeAnswer(el, fx, text)
	if fx.Refused != nil {
		require.Empty(w.t, fx.Events, "refused means unchanged: %s", text)
		unchanged()
		require.NotEmpty(w.t, fx.Refused.Condition)
		require.NotEmpty(w.t, fx.Refused.Section, text)
	}
	return fx
}

// do carries out a command, which may be refused.
func (w *world) do(cmd muc.Command) {
	unchanged := w.unchanged()
	fx, err := w.room.Do(w.now, cmd)
	if err != nil {
		unchanged()
		require.Empty(w.t, fx.Events)
		require.Empty(w.t, fx.Outbound)
	}
	w.take(fx)
}

// take keeps what a step gave, and judges what holds of every step.
func (w *world) take(fx muc.Effects) {
	if w.trace != nil {
		w.trace.WriteString(describe(fx))
	}
	w.log = append(w.log, fx.Events...)
	w.asks = append(w.asks, fx.Asks...)
	for _, out := range fx.Outbound {
		require.NotEmpty(w.t, out.To())
		to := out.To()[len(out.To())-1]
		b := out.AppendXML(nil, to, "")
		wellFormed(w.t, b)
		require.NotContains(w.t, string(b), string(worldSecret))
		for _, to := range out.To() {
			w.judgeSight(to, out)
		}
		el := out.Stanza()
		require.Equal(w.t, "room@chat.lit", strings.SplitN(el.SelectAttrValue("from", ""), "/", 2)[0])
		switch kind := el.SelectAttrValue("type", ""); {
		case el.Tag == "iq" && (kind == "get" || kind == "set"):
			w.relayed = append(w.relayed, out)
		case el.Tag == "message" && kind != "groupchat" && kind != "error":
			w.private = append(w.private, out)
			if el.SelectElement("x") != nil {
				w.forms = append(w.forms, out)
			}
		}
	}
	if s := w.room.State(); s == muc.Locked || s == muc.Open {
		owners := 0
		for _, a := range w.room.Affiliations() {
			if a == muc.Owner {
				owners++
			}
		}
		require.NotZero(w.t, owners, "a living room has an owner")
	}
}

// judgeSight holds what an occupant without privilege gets in a semi-anonymous
// room against the rule: no real JID but his own, and those that he named.
func (w *world) judgeSight(to muc.JID, out muc.Outbound) {
	if w.blind || w.room.RoomConfig().Whois == muc.WhoisAnyone || w.room.State() != muc.Open && w.room.State() != muc.Locked {
		return
	}
	b := string(out.AppendXML(nil, to, ""))
	inside := false
	for o := range w.room.Occupants() {
		if o.JID == to.Bare() {
			inside = true
			if o.Role == muc.Moderator || o.Affiliation >= muc.Admin && strings.Contains(b, "jabber:x:data") {
				return // admins are asked for decisions about people, whatever their role
			}
		}
	}
	if !inside || strings.Contains(b, "<decline") || strings.Contains(b, "<error") || strings.Contains(b, "muc#admin") ||
		strings.Contains(b, "muc#owner") {
		return
	}
	for _, j := range worldUsers {
		if j != to.Bare().String() {
			require.NotContains(w.t, b, j, "to %s", to)
		}
	}
}

// judgeAnswer: each request is answered once, or will be; nothing else is
// answered but by an error, and errors and results by nothing.
func (w *world) judgeAnswer(el *etree.Element, fx muc.Effects, text string) {
	kind, from := plainAttr(el, "type"), plainAttr(el, "from")
	answers, errs := len(fx.Asks), 0
	for _, ev := range fx.Events {
		// The end of a room also answers what it was asked before, perhaps under the same id.
		if b, ok := ev.Body.(*muc.Answered); ok && b.IQ != "" && b.IQ == plainAttr(el, "id") && b.JID.String() == from {
			answers--
		}
	}
	for _, out := range fx.Outbound {
		s := out.Stanza()
		typ := s.SelectAttrValue("type", "")
		if s.Tag == "iq" && (typ == "get" || typ == "set") {
			answers++
			continue
		}
		if out.To()[0].String() != from {
			continue
		}
		if s.Tag == "iq" && s.SelectAttrValue("id", "") == plainAttr(el, "id") {
			answers++
		}
		if e := s.SelectElement("error"); typ == "error" && s.Tag == el.Tag && e != nil && e.SelectAttrValue("by", "") == "room@chat.lit" {
			errs++ // of the room itself, not one that it passes on
		}
	}
	switch {
	case el.Tag == "iq" && (kind == "get" || kind == "set"):
		require.Equal(w.t, 1, answers, "one answer to %s", text)
	case kind == "error" || el.Tag == "iq" && kind == "result":
		require.Zero(w.t, errs, "no error for %s", text)
	default:
		for _, ask := range fx.Asks {
			require.True(w.t, ask.Join, text)
		}
		require.LessOrEqual(w.t, errs, 1, text)
		require.Equal(w.t, fx.Refused != nil, errs == 1, "%s: %v", text, fx.Refused)
	}
}

// wellFormed reads a stanza as any XML parser would.
func wellFormed(t testing.TB, b []byte) {
	d := xml.NewDecoder(bytes.NewReader(b))
	for depth := 0; ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, "%s", b)
		switch tok := tok.(type) {
		case xml.StartElement:
			depth++
			namespacesAreSound(t, tok, b)
		case xml.EndElement:
			depth--
		case xml.Comment, xml.Directive, xml.ProcInst:
			require.Fail(t, "not for a stream", "%s", b)
		case xml.CharData:
			require.Positive(t, depth, "text beside the stanza: %s", b)
		}
	}
}

// namespacesAreSound holds an element to what namespace-aware parsers ask for
// and encoding/xml does not.
func namespacesAreSound(t testing.TB, el xml.StartElement, b []byte) {
	seen := map[xml.Name]bool{}
	for _, a := range el.Attr {
		require.False(t, seen[a.Name], "%s twice in %s", a.Name, b)
		seen[a.Name] = true
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			require.NotContains(t, []string{nsXML, "http://www.w3.org/2000/xmlns/"}, a.Value, "%s", b)
			require.False(t, a.Name.Space == "xmlns" && a.Value == "", "%s", b)
		} else if a.Name.Space != "" && a.Name.Space != nsXML {
			declared := slices.ContainsFunc(el.Attr, func(d xml.Attr) bool { return d.Name.Space == "xmlns" && d.Value == a.Name.Space })
			require.True(t, declared, "%s is not declared in %s", a.Name.Space, b)
		}
	}
	require.NotEqual(t, nsXML, el.Name.Space)
}

// rebuild checks that the room is what its events say, and goes on with a copy
// that was moved by a live snapshot.
func (w *world) rebuild() {
	live, durable := w.room.Snapshot(muc.Live), w.room.Snapshot(muc.Durable)
	var lasting []muc.Event
	for _, ev := range w.log {
		if ev.Durable() {
			lasting = append(lasting, ev)
		}
	}
	replayed, err := muc.Restore(w.cfg, w.live, w.log)
	require.NoError(w.t, err)
	require.Equal(w.t, string(live), string(replayed.Snapshot(muc.Live)))
	restarted, err := muc.Restore(w.cfg, w.durable, lasting)
	require.NoError(w.t, err)
	require.Equal(w.t, string(durable), string(restarted.Snapshot(muc.Durable)))
	require.True(w.t, restarted.Idle())
	stored, err := muc.Restore(w.cfg, durable, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, string(durable), string(stored.Snapshot(muc.Durable)))
	moved, err := muc.Restore(w.cfg, live, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, string(live), string(moved.Snapshot(muc.Live)))
	require.Equal(w.t, w.room.Deadline(), moved.Deadline())
	if !w.stays {
		w.room = moved
	}
}

// describe is a step's outcome as text, byte for byte.
func describe(fx muc.Effects) string {
	var b strings.Builder
	for _, ev := range fx.Events {
		line, err := ev.MarshalJSON()
		fmt.Fprintf(&b, "%s %v\n", line, err)
	}
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			fmt.Fprintf(&b, "%s\n", out.AppendXML(nil, to, ""))
		}
	}
	asks, err := json.Marshal(fx.Asks)
	fmt.Fprintf(&b, "%s %v %v\n", asks, err, fx.Refused)
	return b.String()
}
