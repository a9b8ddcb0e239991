package muc

import (
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Which handler a stanza goes to.

// route is one row of the dispatch table: which stanzas it is for, and the handler. The
// first row that fits is taken.
type route struct {
	kind kind
	typ  string // "*" for any
	// to is whether the stanza is addressed to an occupant, to the room or to
	// either.
	to addressee
	// space and name are those of the first child for an iq, of any child
	// otherwise; an empty space fits whatever is there, "*" any name.
	space, name string
	handle      func(*step) *StanzaError
}

type addressee uint8

const (
	toEither addressee = iota
	toRoom
	toOccupant
)

// routes is filled in by init because handlers lead back to it.
var routes []route

func init() {
	routes = []route{
		{kindMessage, "error", toEither, "", "", (*step).bounced},
		{kindMessage, "groupchat", toRoom, "", "", (*step).groupchat},
		{kindMessage, "groupchat", toOccupant, "", "", (*step).groupchatToOccupant},
		{kindMessage, "", toRoom, ns.Data, "x", (*step).formToRoom},
		{kindMessage, "", toRoom, ns.User, "x", (*step).mediated},
		{kindMessage, "*", toRoom, "", "", (*step).messageToRoom},
		{kindMessage, "*", toOccupant, "", "", (*step).privateMessage},

		{kindPresence, "", toEither, ns.MUC, "x", (*step).join},
		{kindPresence, "", toEither, "", "", (*step).available},
		{kindPresence, "unavailable", toEither, "", "", (*step).leave},
		{kindPresence, "error", toEither, "", "", (*step).bounced},
		{kindPresence, "probe", toEither, "", "", (*step).probe},
		{kindPresence, "subscribe", toEither, "", "", ignored},
		{kindPresence, "subscribed", toEither, "", "", ignored},
		{kindPresence, "unsubscribe", toEither, "", "", ignored},
		{kindPresence, "unsubscribed", toEither, "", "", ignored},

		{kindIQ, "get", toRoom, ns.Admin, "query", (*step).adminGet},
		{kindIQ, "set", toRoom, ns.Admin, "query", (*step).adminSet},
		{kindIQ, "get", toRoom, ns.Owner, "query", (*step).ownerGet},
		{kindIQ, "set", toRoom, ns.Owner, "query", (*step).ownerSet},
		{kindIQ, "get", toRoom, ns.Register, "query", (*step).registerGet},
		{kindIQ, "set", toRoom, ns.Register, "query", (*step).registerSet},
		{kindIQ, "get", toRoom, ns.DiscoInfo, "query", (*step).discoInfo},
		{kindIQ, "get", toRoom, ns.DiscoItems, "query", (*step).discoItems},
		{kindIQ, "set", toRoom, ns.Commands, "command", (*step).executeCommand},
		{kindIQ, "get", toRoom, ns.VCard, "vCard", (*step).vCardGet},
		{kindIQ, "set", toRoom, ns.VCard, "vCard", (*step).vCardSet},
		{kindIQ, "get", toRoom, ns.MAM, "query", (*step).archiveForm},
		{kindIQ, "set", toRoom, ns.MAM, "query", (*step).archiveQuery},
		{kindIQ, "get", toRoom, ns.MAM, "metadata", (*step).archiveQuery},
		{kindIQ, "set", toRoom, ns.Moderate, "moderate", (*step).moderate},
		{kindIQ, "set", toRoom, ns.Fasten, "apply-to", (*step).moderate},
		{kindIQ, "get", toEither, ns.Ping, "ping", (*step).ping},
		{kindIQ, "get", toOccupant, "", "*", (*step).relayIQ},
		{kindIQ, "set", toOccupant, "", "*", (*step).relayIQ},
		{kindIQ, "result", toOccupant, "", "*", (*step).relayAnswer},
		{kindIQ, "error", toOccupant, "", "*", (*step).relayAnswer},
		{kindIQ, "result", toRoom, "", "*", ignored},
		{kindIQ, "error", toRoom, "", "*", ignored},
		{kindIQ, "get", toRoom, "", "*", (*step).unknownIQ},
		{kindIQ, "set", toRoom, "", "*", (*step).unknownIQ},
	}
}

// ignored handles what RFC 6121 and XEP-0045 §17.3 let a room be silent about.
func ignored(*step) *StanzaError { return nil }

// fits reports whether a row is for this stanza.
func (row *route) fits(in *incoming) bool {
	switch {
	case row.kind != in.kind,
		row.typ != "*" && row.typ != in.typ,
		row.to == toRoom && in.toNick,
		row.to == toOccupant && !in.toNick:
		return false
	case row.space == "":
		return true
	case in.kind == kindIQ:
		return len(in.Kids) > 0 && in.Kids[0].NS == row.space && in.Kids[0].Name == row.name
	}
	return in.Find(row.space, row.name) != nil
}

// dispatch finds the handler of a stanza and lets it decide.
func (t *step) dispatch() *StanzaError {
	in, s := t.in, &t.r.st
	if e := in.checkIQ(); e != nil {
		return e
	}
	if !s.Alive() {
		return t.lifeless()
	}
	if e := closedTo(s, &t.sender); e != nil && t.sender.session == nil && !in.isAnswer() {
		return t.notOpen(e)
	}
	for i := range routes {
		if routes[i].fits(in) {
			return routes[i].handle(t)
		}
	}
	// Unknown types of presence and iq; those of messages are "normal" (RFC 6121
	// §5.2.2) and have found their row.
	return refuse(stanza.BadRequest, "RFC 6120 §8.3.3.1", "there is no such type of stanza")
}

// checkIQ holds an iq to RFC 6120 §8.2.3.
func (in *incoming) checkIQ() *StanzaError {
	switch {
	case in.kind != kindIQ, in.typ == "result", in.typ == "error":
		return nil
	case in.typ != "get" && in.typ != "set":
		return refuse(stanza.BadRequest, "RFC 6120 §8.2.3", "there is no such type of iq")
	case in.id == "":
		return refuse(stanza.BadRequest, "RFC 6120 §8.2.3", "the request has no id")
	case len(in.Kids) != 1:
		return refuse(stanza.BadRequest, "RFC 6120 §8.2.3", "a request has exactly one child")
	}
	return nil
}

// notOpen answers for a room that waits for its owner to configure it (XEP-0045 §10.1.1),
// whatever is asked of it, as it answers who wants to enter: it is not there.
func (t *step) notOpen(closed *StanzaError) *StanzaError {
	in := t.in
	switch {
	case in.kind == kindPresence && in.typ != "":
		return nil
	case in.joins():
		return t.join()
	case in.kind == kindPresence:
		return t.available()
	}
	return closed
}

// joins reports whether a stanza asks to enter.
func (in *incoming) joins() bool {
	return in.kind == kindPresence && in.typ == "" && in.Find(ns.MUC, "x") != nil
}

// lifeless answers for a room that is not there: unborn or destroyed.
func (t *step) lifeless() *StanzaError {
	in, s := t.in, &t.r.st
	joins := in.joins()
	switch {
	case in.isAnswer():
		return nil
	case s.Life() == Destroyed && s.Sparse().End().Tombstone && (in.kind != kindPresence || joins):
		end := s.Sparse().End()
		e := refuse(stanza.Gone, "10.9", "")
		e.Text = end.Reason // in the owner's own words
		if !end.Alternate.IsZero() {
			e.URI = "xmpp:" + end.Alternate.String() + "?join"
		}
		return e
	case joins && s.Life() == Unborn:
		return t.join()
	case s.Life() == Unborn && t.r.cfg.CreateByForm && in.kind == kindIQ && !in.toNick && in.Find(ns.Owner, "query") != nil:
		return t.createByForm()
	case in.kind == kindPresence && in.typ == "" && !joins:
		return t.available()
	case in.kind == kindPresence && !joins:
		return nil
	}
	return refuse(stanza.ItemNotFound, "7.2.11", "there is no such room")
}

// request is the payload of the step's iq, canonical; query is the same, read.
func (t *step) request() string { return t.in.XML(&t.in.Kids[0]) }

func (t *step) query() *xmlwire.Node {
	n := xmlwire.ParseNode(t.request())
	return &n
}

// closedTo refuses to say anything of a room that is not open yet to anybody but
// its owners: for all others it is not there (XEP-0045 §7.2.10, §17.2).
func closedTo(s *state.Room, a *sender) *StanzaError {
	if s.Life() == Locked && a.aff < Owner {
		return refuse(stanza.ItemNotFound, "7.2.10", "the room is not open yet")
	}
	return nil
}
