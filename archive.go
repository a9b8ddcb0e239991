package muc

import (
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// The archive of a room (XEP-0313) is the host's: the room tells it by durable
// events what was said, passes queries on to it, and decides, before and after, who may
// read it and what of it each reader sees.

// ArchiveQuery is a query of the archive (XEP-0313 §4): the messages that pass all
// filters, and of those one page. Zero fields filter nothing. [ArchiveQuery.Page] is a
// reference implementation.
type ArchiveQuery struct {
	// Metadata asks for the first and the last message of all, and nothing else.
	Metadata bool
	// Nick is whose messages by the nick they were sent under, JID the same by real
	// address, bare or full.
	Nick string
	JID  JID
	// Start and End are inclusive.
	Start, End time.Time
	// AfterID and BeforeID are stanza-ids, exclusive; IDs are those wanted.
	AfterID, BeforeID string
	IDs               []string
	// Max is how many messages a page has at most.
	Max int
	// Backward asks for the page that ends before the message Before, or at the end;
	// otherwise it begins behind the message After, or at the beginning.
	Backward      bool
	Before, After string
}

// ArchivePage is what the host found for an [ArchiveQuery].
type ArchivePage struct {
	// Messages are the room's own events, [*MessageArchived] and [*SubjectChanged],
	// oldest first.
	Messages []event.Event
	// Complete says that the page was not cut, neither by Max nor because the host gives
	// less at once (XEP-0313 §4.3.1).
	Complete bool
	// Unstable says that the same query may be answered differently later.
	Unstable bool
	// Count is how many messages pass the filters, Index how many of them stand before
	// the page. Both are told only if Counted.
	Counted      bool
	Count, Index int
}

// archiveFields are what a query may filter by (XEP-0313 §4.1).
var archiveFields = []form.Field{
	{Name: "with", Type: "jid-single"},
	{Name: "start", Type: "text-single"},
	{Name: "end", Type: "text-single"},
	{Name: "before-id", Type: "text-single"},
	{Name: "after-id", Type: "text-single"},
	{Name: "ids", Type: "list-multi", Open: true},
}

// archives reports whether the room has an archive that can be queried.
func (r *Room) archives() bool { return r.cfg.Archive && !r.st.Config().NoArchive }

// archiveForm answers a request for the form of a query (XEP-0313 §4.1.4).
func (t *step) archiveForm() *StanzaError {
	if !t.r.archives() {
		return t.unknownIQ()
	}
	t.answerQuery(ns.MAM, func(w *xmlwire.Writer) {
		form.Write(w, "form", ns.MAM, "", archiveFields)
	})
	return nil
}

// archiveQuery decides on a request for messages or, of type get, for the ends of
// the archive: the host is asked for them.
func (t *step) archiveQuery() *StanzaError {
	if !t.r.archives() {
		return t.unknownIQ()
	}
	q, refused := t.r.judgeArchive(&t.sender, t.query())
	if refused != nil {
		return refused
	}
	return t.ask(&q.ArchiveQuery)
}

// readQuery is an ArchiveQuery with what only its answer needs.
type readQuery struct {
	ArchiveQuery
	id   string
	flip bool
}

// judgeArchive reads and judges a request, both when it comes and when it is
// answered. The archive is read by those who could enter the room now (XEP-0313 §6.1.2),
// and where that takes a password, who is inside or affiliated.
func (r *Room) judgeArchive(a *sender, n *xmlwire.Node) (*readQuery, *StanzaError) {
	if refused := closedTo(&r.st, a); refused != nil {
		return nil, refused
	}
	if !hears(&r.st, a) {
		return nil, refuse(stanza.Forbidden, "XEP-0313 §6.1.2", "the archive of this room is not for you")
	}
	reader := policy.ReadArchive{Room: r.jid, JID: a.jid, Nick: a.nick, Role: a.role, Affiliation: a.aff}
	if refused := judge(r.cfg.Policy.ReadArchive, reader); refused != nil {
		return nil, refused
	}
	q, refused := r.readArchiveQuery(n)
	if refused != nil {
		return nil, refused
	}
	if !q.JID.IsZero() && q.JID.Bare() != a.bare && !seesJIDs(&r.st, a.role, a.aff) {
		return nil, refuse(stanza.Forbidden, "XEP-0313 §4.1.1", "you do not see who is who here")
	}
	return q, nil
}

// hears reports whether somebody is inside, or could enter now without a password.
func hears(s *state.Room, a *sender) bool {
	return mayEnter(a.aff, s.Config()) && (s.Config().Password == "" || a.aff >= Member || a.session != nil)
}

// readArchiveQuery reads a <query/> or <metadata/>.
func (r *Room) readArchiveQuery(n *xmlwire.Node) (*readQuery, *StanzaError) {
	if len(n.AttrOr("queryid", "")) > jid.MaxPartSize {
		return nil, refuse(stanza.PolicyViolation, "14.6", "the id of the query is too long")
	}
	q := &readQuery{id: n.AttrOr("queryid", ""), flip: n.Child(ns.MAM, "flip-page") != nil}
	if n.Name == "metadata" {
		q.Metadata = true
		return q, nil
	}
	if x := n.Child(ns.Data, "x"); x != nil {
		sub, refused := form.ReadSubmission(x, ns.MAM, "XEP-0313 §4.1", r.cfg.Limits.FieldBytes)
		if refused != nil {
			return nil, refused
		}
		for i := range sub.Fields {
			if refused := r.readArchiveField(q, &sub.Fields[i]); refused != nil {
				return nil, refused
			}
		}
	}
	page, refused := readPage(n, r.cfg.Limits.ArchivePage)
	q.Max = page.Max
	switch page.Start {
	case rsm.At:
		return nil, refuse(stanza.FeatureNotImplemented, "XEP-0059 §2.6", "pages are found by ids")
	case rsm.Last, rsm.Before:
		q.Backward, q.Before = true, page.UID
	case rsm.After:
		q.After = page.UID
	}
	return q, refused
}

func (r *Room) readArchiveField(q *readQuery, f *form.Field) (refused *StanzaError) {
	value := form.First(f.Values)
	switch f.Name {
	case "FORM_TYPE":
	case "with":
		with, err := r.named(value)
		switch {
		case err != nil:
			return refuse(stanza.JIDMalformed, "XEP-0313 §4.1.1", "the address is malformed")
		case with.Bare() != r.jid:
			q.JID = with
		case !with.IsBare():
			_, q.Nick, _ = strings.Cut(value, "/") // as it is written: that is how one addresses
		}
	case "start":
		q.Start, refused = archiveTime(value)
	case "end":
		q.End, refused = archiveTime(value)
	case "before-id":
		q.BeforeID = value
	case "after-id":
		q.AfterID = value
	case "ids":
		q.IDs = f.Values
	default:
		return refuse(stanza.FeatureNotImplemented, "XEP-0313 §4.1.5", "the archive does not filter by "+f.Name)
	}
	return refused
}

func archiveTime(s string) (time.Time, *StanzaError) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return at, refuse(stanza.BadRequest, "XEP-0082", "a time in the query is malformed")
	}
	return at.UTC(), nil
}

// archiveReply is a page on its way to a reader.
type archiveReply struct {
	query *readQuery
	page  *ArchivePage
	// sees is whether the reader sees real JIDs.
	sees bool
}

// answerArchive checks the host's answer to a query, and judges the reader once more.
func (t *step) answerArchive(b *event.Answered, request string, page *ArchivePage) error {
	n := xmlwire.ParseNode(request)
	if n.NS != ns.MAM {
		return t.answerModeration(b, &n, page)
	}
	a := t.r.senderOf(b.JID)
	q, refused := t.r.judgeArchive(&a, &n)
	if refused != nil {
		refuseAnswer(b, refused)
		return nil
	}
	if e := checkPage(page, max(q.Max, 2)); e != nil {
		return e
	}
	p := &archiveReply{query: q, page: page, sees: seesJIDs(&t.r.st, a.role, a.aff)}
	t.owe(func() { p.render(t) })
	return nil
}

// checkPage checks what the host found.
func checkPage(page *ArchivePage, most int) *StanzaError {
	if page == nil {
		return refuse(stanza.BadRequest, "XEP-0313 §4.2", "a query of the archive is answered by a page of it")
	}
	if len(page.Messages) > most {
		return refuse(stanza.PolicyViolation, "XEP-0313 §4.3.1", "the page is too long")
	}
	for i := range page.Messages {
		if m := page.Messages[i].Archived(); m == nil || m.StanzaID == "" {
			return refuse(stanza.BadRequest, "XEP-0313 §6.1.2", "an archive holds messages of the room with their ids")
		}
	}
	return nil
}

// render sends a page and ends it.
func (p *archiveReply) render(t *step) {
	messages := p.page.Messages
	if p.query.Metadata {
		t.renderResult(func(w *xmlwire.Writer) { archiveEnds(w, messages) })
		return
	}
	for i := range messages {
		if p.query.flip {
			i = len(messages) - 1 - i
		}
		t.toSender(t.r.renderFound(&messages[i], p), splice.None, nil)
	}
	t.renderResult(func(w *xmlwire.Writer) { fin(w, p.page) })
}

// renderFound writes one message of a page (XEP-0313 §4.2): as it was reflected,
// with its author's real JID for those who may see it (§6.1.2).
func (r *Room) renderFound(ev *event.Event, p *archiveReply) *splice.Stanza {
	m := ev.Archived()
	if !p.sees {
		m = r.seenNow(m)
	}
	return splice.Write("message", 512+len(m.Payload), func(w *xmlwire.Writer) {
		address(w, "from", r.jid)
		w.Start("result", ns.MAM)
		w.AttrIf("queryid", p.query.id)
		w.Attr("id", m.StanzaID)
		w.Start("forwarded", ns.Forward)
		w.Empty("delay", ns.Delay, "stamp", ev.Time.UTC().Format(event.TimeFormat))
		w.Start("message", ns.Client)
		r.writeMessage(w, "groupchat", m)
		if p.sees {
			author(w, m)
		}
		w.End()
		w.End()
		w.End()
	})
}

// fin writes the end of a page (XEP-0313 §4.3).
func fin(w *xmlwire.Writer, p *ArchivePage) {
	w.Start("fin", ns.MAM)
	if p.Complete {
		w.Attr("complete", "true")
	}
	if p.Unstable {
		w.Attr("stable", "false")
	}
	set := rsm.Set{Counted: p.Counted, Index: p.Index, Count: p.Count}
	if n := len(p.Messages); n > 0 {
		set.First, set.Last = p.Messages[0].Archived().StanzaID, p.Messages[n-1].Archived().StanzaID
	}
	set.Write(w)
	w.End()
}

// archiveEnds writes the metadata of the archive: the first and the last message
// (XEP-0313 §5).
func archiveEnds(w *xmlwire.Writer, messages []event.Event) {
	w.Start("metadata", ns.MAM)
	if n := len(messages); n > 0 {
		for i, name := range [...]string{"start", "end"} {
			ev := messages[i*(n-1)]
			w.Empty(name, "", "id", ev.Archived().StanzaID, "timestamp", ev.Time.UTC().Format(event.TimeFormat))
		}
	}
	w.End()
}

// Page answers a query from a room's events: for tests, and for hosts that have the events
// in memory; a host with a database does the same by a query of its own. An unknown id
// is refused with item-not-found, for Answer.Refuse.
func (q ArchiveQuery) Page(log []event.Event) (ArchivePage, *StanzaError) {
	all := archiveOf(log)
	if q.Metadata {
		if len(all) > 1 {
			all = []event.Event{all[0], all[len(all)-1]}
		}
		return ArchivePage{Messages: all, Complete: true}, nil
	}
	at := func(id string) int {
		return slices.IndexFunc(all, func(ev event.Event) bool { return ev.Archived().StanzaID == id })
	}
	for _, id := range append([]string{q.AfterID, q.BeforeID, q.After, q.Before}, q.IDs...) {
		if id != "" && at(id) < 0 {
			return ArchivePage{}, refuse(stanza.ItemNotFound, "XEP-0313 §4.1.3", "there is no message "+id)
		}
	}
	from, to := 0, len(all)
	if q.AfterID != "" {
		from = at(q.AfterID) + 1
	}
	if q.BeforeID != "" {
		to = at(q.BeforeID)
	}
	var found []int
	for i := from; i < to; i++ {
		if q.passes(all[i]) {
			found = append(found, i)
		}
	}
	part := rsm.Request{Max: q.Max, Start: rsm.First, UID: q.After}
	switch {
	case q.Backward && q.Before != "":
		part.Start, part.UID = rsm.Before, q.Before
	case q.Backward:
		part.Start = rsm.Last
	case q.After != "":
		part.Start = rsm.After
	}
	is, refused := part.Cut(len(found), func(id string) (int, bool) { return slices.BinarySearch(found, at(id)) })
	if refused != nil {
		return ArchivePage{}, refused
	}
	page := ArchivePage{Counted: true, Count: is.Count, Index: is.From}
	page.Complete = q.Backward && is.From == 0 || !q.Backward && is.To == is.Count
	for _, i := range found[is.From:is.To] {
		page.Messages = append(page.Messages, all[i])
	}
	return page, nil
}

// passes reports whether a message passes the filters that concern it alone.
func (q *ArchiveQuery) passes(ev event.Event) bool {
	m := ev.Archived()
	return (q.Start.IsZero() || !ev.Time.Before(q.Start)) && (q.End.IsZero() || !ev.Time.After(q.End)) &&
		(q.Nick == "" || m.Nick == q.Nick) && (q.JID.IsZero() || m.JID == q.JID || m.JID.Bare() == q.JID) &&
		(len(q.IDs) == 0 || slices.Contains(q.IDs, m.StanzaID))
}

// archiveOf lists the events of the archive, retracted messages as tombstones.
func archiveOf(log []event.Event) []event.Event {
	var all []event.Event
	for _, ev := range log {
		if m := ev.Archived(); m != nil && m.StanzaID != "" {
			all = append(all, ev)
		}
		switch b := ev.Body.(type) {
		case *event.MessageRetracted:
			for i := range slices.Backward(all) {
				if said, ok := all[i].Body.(*event.MessageArchived); ok && b.Means(&said.Message) {
					all[i].Body = &event.MessageArchived{Message: b.Tombstone(said.Message, ev.Time)}
					break
				}
			}
		case *event.RoomDestroyed:
			all = nil // a room of the same name owes nothing to the old one
		}
	}
	return all
}

// Retracting a message (XEP-0424).

// retract proposes that a message of the sender's own is retracted, if the step's message
// says so (XEP-0424): newcomers are not shown it any more. A retraction of somebody else's
// message changes nothing here and is passed on; clients tell by the occupant-ids.
func (t *step) retract(m *event.Message) {
	c := t.in.Find(ns.Retract, "retract")
	if c == nil || m.OccupantID == "" {
		return
	}
	b := &event.MessageRetracted{OccupantID: m.OccupantID, Nick: m.Nick, JID: m.JID, ID: m.ID, Named: t.in.childAttr(c, "id")}
	if b.Named == "" || len(b.Named) > jid.MaxPartSize {
		return
	}
	s := &t.r.st
	for _, e := range s.Archived() {
		if e.Message().StanzaID == b.Named && e.Message().OccupantID != b.OccupantID {
			return
		}
	}
	// What the room does not remember may be in the archive.
	if said := s.Retracted(b); said != nil {
		b.StanzaID, b.Named = said.StanzaID, ""
	}
	t.propose(b)
}
