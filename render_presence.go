package muc

import (
	"strconv"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Presence as it is written.

// item is what `<item/>` says of an occupant in one presence.
type item struct {
	affiliation Affiliation
	role        Role
	real        JID
	nick        string // only where the protocol asks for it
	reason      string
	actor       event.Actor
}

// presence is a presence stanza about one occupant, before it is bytes.
type presence struct {
	nick    string
	id      string // occupant-id
	kind    string // "", or "unavailable"
	lang    string // of the payload
	payload string
	item    item
	hats    []event.Hat
	destroy *event.RoomDestroyed
}

// presenceBytes is the presence that an occupant has now: one immutable record for
// everybody who is told of it. A small room does not keep it: there it is made for a few
// readers, and would be half of what the room holds.
func (r *Room) presenceBytes(o *state.Occupant) *splice.Stanza {
	if doc := o.PresenceBytes(); doc != nil {
		return doc
	}
	p := r.presenceOf(o)
	doc := r.renderPresence(&p)
	if len(r.st.Occupants()) > state.SmallIndex {
		o.CachePresence(doc)
	}
	return doc
}

func (r *Room) presenceOf(o *state.Occupant) presence {
	p := presence{nick: o.Nick(), id: o.ID(), hats: r.st.Sparse().HatsOf(o.Person().JID()), item: item{
		affiliation: r.st.OccupantAffiliation(o), role: o.Role(), real: o.FrontJID()}}
	if o.Front() != nil {
		p.lang, p.payload = o.Front().Lang(), r.saidNow(o)
	}
	return p
}

// shownPayload is what everybody sees of what an occupant says in a presence: the room may
// keep visitors from showing a status text (XEP-0045 §5.1.1, "Change Availability
// Status").
func shownPayload(c *RoomConfig, role Role, payload string) string {
	if role != Visitor || !c.NoVisitorStatus || payload == "" {
		return payload
	}
	return xmlwire.Filtered(payload, func(n *xmlwire.Node) bool { return n.NS != "" || n.Name != "status" })
}

// renderPresence writes a presence as most will see it, and marks what differs for
// others.
func (r *Room) renderPresence(p *presence) *splice.Stanza {
	w := xmlwire.Writer{Bytes: make([]byte, 0, 256+len(p.payload))}
	d := splice.Start(&w, "presence")
	d.As = asMostSee(&r.st, &p.item)
	occupantAddress(&w, "from", r.jid, p.nick)
	w.AttrIf("type", p.kind)
	w.AttrIf("xml:lang", p.lang)
	w.Raw(p.payload)
	occupantID(&w, p.id)
	r.cfg.Limits.writeHats(&w, p.hats)
	w.Start("x", ns.User)
	w.Start("item", "", "affiliation", p.item.affiliation.String(), "role", p.item.role.String(), "nick", p.item.nick)
	markJID(&w, d, p.item.real)
	if p.item.actor != (event.Actor{}) {
		markActor(&w, d, p.item.actor)
	}
	w.ElementIf("reason", p.item.reason)
	w.End()
	if p.destroy != nil {
		destroy(&w, p.destroy)
	}
	d.Tail = w.Pos()
	w.End()
	return d.Done(&w)
}

func occupantID(w *xmlwire.Writer, id string) {
	if id != "" {
		w.Empty("occupant-id", ns.OccupantID, "id", id)
	}
}

func destroy(w *xmlwire.Writer, b *event.RoomDestroyed) {
	w.Start("destroy", "", "jid", b.Alternate.String())
	w.ElementIf("reason", b.Reason)
	w.ElementIf("password", b.Password)
	w.End()
}

// The status codes of XEP-0045 §16.6 that a room sends.
const (
	statusNonAnonymous     = 100
	statusAbsent           = 101
	statusShowsAbsent      = 102
	statusHidesAbsent      = 103
	statusConfigured       = 104
	statusSelf             = 110
	statusLogged           = 170
	statusNotLogged        = 171
	statusNowNonAnonymous  = 172
	statusNowSemiAnonymous = 173
	statusCreated          = 201
	statusNickChanged      = 210
	statusBanned           = 301
	statusRenamed          = 303
	statusKicked           = 307
	statusUnmembered       = 321
	statusMembersOnly      = 322
	statusShutdown         = 332
	statusError            = 333
)

// removalCodes gives each cause of removal its status code.
var removalCodes = map[event.Cause]int{
	event.CauseKicked:      statusKicked,
	event.CauseReserved:    statusKicked,
	event.CauseBanned:      statusBanned,
	event.CauseUnmembered:  statusUnmembered,
	event.CauseMembersOnly: statusMembersOnly,
	event.CauseShutdown:    statusShutdown,
}

// statusIf is a status code, or none.
func statusIf(is bool, code int) int { return statusEither(is, code, 0) }

func statusEither(is bool, code, otherwise int) int {
	if is {
		return code
	}
	return otherwise
}

// statuses writes status codes as the tail of a presence or message; the caller
// lists them in ascending order.
func statuses(codes ...int) string {
	tail := ""
	for _, c := range codes {
		if c != 0 {
			tail += "<status code='" + strconv.Itoa(c) + "'/>"
		}
	}
	return tail
}
