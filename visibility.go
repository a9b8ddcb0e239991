package muc

import (
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
)

// Who sees whose real JID (XEP-0045 §4.2) is decided in this file and nowhere else: no
// other file writes a real JID into a stanza.

// viewIn is the one rule (XEP-0045 §7.2.3, §7.2.4): in a semi-anonymous room
// only moderators see real JIDs.
func viewIn(c *RoomConfig, reader Role) splice.View {
	if c.Whois == WhoisAnyone || reader == Moderator {
		return splice.All
	}
	return splice.None
}

// viewFor is what the room's present configuration lets a reader see.
func viewFor(s *state.Room, reader Role) splice.View { return viewIn(s.Config(), reader) }

// hidesJIDs reports whether real JIDs are hidden from some occupants.
func hidesJIDs(s *state.Room) bool { return viewFor(s, Participant) != splice.All }

// seesJIDs is the same rule for people outside too: an admin or owner counts as a
// moderator.
func seesJIDs(s *state.Room, role Role, aff Affiliation) bool {
	return viewFor(s, role) == splice.All || aff >= Admin
}

// shows reports whether an occupant sees occupants of a role at all: the room may
// keep the presence of some roles to moderators (muc#roomconfig_presencebroadcast,
// XEP-0045 §7.2.2).
func shows(s *state.Room, role Role, reader *state.Occupant) bool {
	return reader.Role() == Moderator || s.Config().Broadcasts(role)
}

// jidField is the field of an approval form that names who asks: such forms go
// to moderators and admins only (XEP-0045 §8.6).
func jidField(name string, j JID) form.Field {
	return form.Field{Name: name, Type: "jid-single", Label: "User ID", Values: []string{j.String()}}
}

// requestOption names who asks to register, in a form for admins (XEP-0045 §9.9).
func requestOption(b *event.RegistrationRequested) form.Option {
	return form.Option{Value: b.JID.String(), Label: b.Nick + " (" + b.JID.String() + ")"}
}

// listedHat is a line of the list of who has which hats (XEP-0317 §3.7), which admins and
// owners read.
func listedHat(who JID, h *event.Hat) []string { return []string{who.String(), h.URI, h.Title, h.Hue} }

// asMostSee is the view in which a presence is written: that of most readers, but All if
// the item has an actor.
func asMostSee(s *state.Room, it *item) splice.View {
	if it.actor != (event.Actor{}) {
		return splice.All
	}
	return viewFor(s, Participant)
}

// markJID writes the real JID of an item and marks its place, so that it can be left out,
// inserted or replaced for each reader. A zero JID is shown to its own session only.
func markJID(w *xmlwire.Writer, d *splice.Stanza, j JID) {
	d.JID = w.Pos()
	if d.As == splice.All {
		realJID(w, j)
	} else {
		d.Real = j
	}
	d.JIDEnd = w.Pos()
}

// markActor writes the actor of an item: the nick for all readers, the JID marked so that
// it can be left out (XEP-0045 §8.2). Without a nick all of it can be left out.
func markActor(w *xmlwire.Writer, d *splice.Stanza, by event.Actor) {
	d.Actor = w.OpenTag()
	w.Start("actor", "", "nick", by.Nick)
	if by.Nick != "" {
		d.Actor = w.Pos()
	}
	realJID(w, by.JID)
	d.ActorEnd = w.Pos()
	w.End()
	if by.Nick == "" {
		d.ActorEnd = w.Pos()
	}
}

// realJID writes a real JID for readers who are known to see it.
func realJID(w *xmlwire.Writer, j JID) { w.Bytes = splice.AppendJID(w.Bytes, j) }

// listedPerson writes a line of an affiliation list. People who may read the list may see
// the JIDs in it (XEP-0045 §9.2, §9.5).
func listedPerson(w *xmlwire.Writer, p *state.Person, reason string) {
	w.Start("item", "", "affiliation", p.Affiliation().String(), "jid", p.JID().String(), "nick", p.Nick())
	w.ElementIf("reason", reason)
	w.End()
}

// listedJIDs are the same people as values of a field of the owners' form.
func listedJIDs(list []JID) []string {
	values := make([]string, 0, len(list))
	for _, j := range list {
		values = append(values, j.String())
	}
	return values
}

// occupantSize bounds the bytes of an occupant's line in a list.
func occupantSize(o *state.Occupant) int {
	return itemMarkup + xmlwire.EscapedLen(o.FrontJID().String()) + xmlwire.EscapedLen(o.Nick())
}

// listedOccupant writes a line of a role list (XEP-0045 §8.5).
func listedOccupant(w *xmlwire.Writer, s *state.Room, o *state.Occupant, reader *sender) {
	real := ""
	if seesJIDs(s, reader.role, reader.aff) {
		real = o.FrontJID().String()
	}
	w.Empty("item", "", "affiliation", s.OccupantAffiliation(o).String(), "jid", real, "nick", o.Nick(), "role", o.Role().String())
}

// renderAffiliation writes a message about a person's affiliation, for readers who see the
// JID.
func (t *step) renderAffiliation(b *event.AffiliationChanged, tail string) *splice.Stanza {
	w := xmlwire.Writer{Bytes: make([]byte, 0, 256+len(b.Reason)+len(tail))}
	d := splice.Start(&w, "message")
	address(&w, "from", t.r.jid)
	w.Start("x", ns.User)
	w.Start("item", "", "affiliation", b.New.String(), "jid", b.JID.String())
	w.ElementIf("reason", b.Reason)
	w.End()
	w.Raw(tail)
	d.Tail = w.Pos()
	w.End()
	return d.Done(&w)
}

// listItem is a line of the lists of affiliations as one reader may read them.
type listItem struct {
	jid         JID
	affiliation Affiliation
}

// listItemSize bounds the bytes of a line.
func listItemSize(it listItem) int { return itemMarkup + len(it.jid.String()) }

// followedPerson writes a line for somebody who may read the list that it is of (XEP-0463
// §5.2.3): the JIDs in it may be seen.
func followedPerson(w *xmlwire.Writer, it listItem) {
	w.Empty("item", "", "affiliation", it.affiliation.String(), "jid", it.jid.String())
}

// author writes the real JID of a message's author (XEP-0313 §6.1.2), for readers who see
// it.
func author(w *xmlwire.Writer, m *event.Message) {
	if !m.JID.IsZero() {
		w.Start("x", ns.User)
		w.Empty("item", "", "jid", m.JID.String())
		w.End()
	}
}

// veil replaces a person's real JID in that person's own stanzas, for a reader who does
// not see it (XEP-0045 §17.4). In messages to everybody and private ones, presence,
// requests and answers alike, no attribute and no text holds the address, bare or full,
// however it is spelled or escaped: the occupant JID takes its place. Unchanged are what
// people write (bodies and subjects with their XHTML copies, statuses of presences) and
// the id of the stanza, which must come back as it was sent. Stanza-ids and delays that
// name the person are left out, see reserved.
func (r *Room) veil(payload string, who JID, nick string, reader Role) string {
	if viewFor(&r.st, reader) == splice.All {
		return payload
	}
	return r.hide(payload, who, nick, veilGrowth)
}

// hide does so for all readers. The payload becomes longer by no more than so many bytes:
// beyond that, addresses are cut out.
func (r *Room) hide(payload string, who JID, nick string, growth int) string {
	if who.IsZero() || !mayHold(payload, who.Local()) {
		return payload
	}
	v := veil{local: who.Local(), domain: who.Domain(), resource: who.Resource(), shown: r.at(nick).String(),
		growth: growth, tries: maxTries,
		same: func(local, domain string) bool {
			j, err := jid.ParseBy(local+"@"+domain, r.cfg.NormalizeDomain)
			return err == nil && j == who.Bare()
		}}
	if strings.Contains(nick, "@") {
		v.own = []string{v.shown, escapeURI(v.shown, 0)}
	}
	return xmlwire.ReplaceValues(payload, v.clear)
}

// hideForgotten is the vCard of somebody who is forgotten, as nobody's: without the address,
// also where everybody sees it now. The room's own takes its place.
func (r *Room) hideForgotten(b *event.VCardChanged) *event.VCardChanged {
	return &event.VCardChanged{Payload: r.hide(b.Payload, b.Actor.JID, "", r.cfg.Limits.VCardBytes-len(b.Payload)), Photos: b.Photos}
}

// seenNow is a message as the room shows it now to readers who do not see real JIDs: it may
// be from a time when everybody saw them.
func (r *Room) seenNow(m *event.Message) *event.Message {
	payload := r.veil(m.Payload, m.JID, m.Nick, Participant)
	if payload == m.Payload {
		return m
	}
	shown := *m
	shown.Payload = payload
	return &shown
}

// saidNow is the same for an occupant's presence.
func (r *Room) saidNow(o *state.Occupant) string {
	return r.veil(shownPayload(r.st.Config(), o.Role(), o.Front().Payload()), o.Front().JID(), o.Nick(), Participant)
}

// inviterSeen is the inviter as the invitee sees it (XEP-0045 §7.8.2): by real JID if
// everybody sees it, else as an occupant, else not at all.
func (r *Room) inviterSeen(a *sender) JID {
	switch {
	case r.st.Config().Whois == WhoisAnyone && !a.jid.IsZero():
		return a.jid.Bare()
	case a.nick != "":
		return r.at(a.nick)
	}
	return r.jid
}

// declinerSeen is the decliner as the inviter sees it: by the address that was invited.
func declinerSeen(b *event.InviteSent) JID { return b.Invitee }
