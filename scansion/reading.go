package scansion

import (
	"encoding/xml"
	"slices"
	"strings"

	"github.com/gomuc/muc"
)

// reading is what a specification lets differ from what a script expects: mode [Spec]. The
// tables of permissions say it, each with the section that it follows from. Those of
// loosenings take things out of what is expected, and those of prohibitions say what must not
// come although nobody wrote that down.
type reading struct {
	// asks are the marks of the script, header lines and those above actions.
	asks []Mark
	// here are those of the stanza that is looked at.
	here []Mark
	// said are texts that somebody in the script sends.
	said []string
	// waived are marks that are left out of consideration, to find out which of them is not
	// kept.
	waived []Mark
	// trusting leaves the prohibitions out.
	trusting bool

	// who is the client that receives, and known the last presence that it got of each occupant.
	who   muc.JID
	known map[string]*node
	// user is the same, whose inbox holds what is not looked at yet.
	user *user
	// sent is what the client that acts has sent in this round, nil if nothing was sent, and
	// own that it is the client that receives.
	sent *node
	own  bool

	loosenings   []loosening
	prohibitions []prohibition
}

// loosening is a permission to send something else than the script expects, or to leave it
// away.
type loosening struct {
	what string
	// where is the section that permits it.
	where string
	// apply changes what is expected, at one element of it.
	apply func(r *reading, at place)
}

// prohibition is something that no service may do, or say of somebody, unless the script
// expects it there.
type prohibition struct {
	what string
	// mark is the sentence that would not be kept.
	mark Mark
	// holds reports whether it applies to an element that is expected, and broken what is
	// wrong with the one that came for it, "" if nothing.
	holds  func(at place) bool
	broken func(r *reading, want, got *node) string
}

// place is an element of what is expected, and where it stands.
type place struct {
	*node
	// origin is the element as the script has it.
	origin *node
	// up are the elements around it, the stanza first.
	up []*node
}

const (
	nsData  = "jabber:x:data"
	nsInfo  = "http://jabber.org/protocol/disco#info"
	nsDelay = "urn:xmpp:delay"
)

// stanza is the whole stanza.
func (at place) stanza() *node {
	if len(at.up) > 0 {
		return at.up[0]
	}
	return at.node
}

// parent is the element around it; an empty one for the stanza.
func (at place) parent() *node {
	if len(at.up) > 0 {
		return at.up[len(at.up)-1]
	}
	return &node{}
}

func (at place) is(space, local string) bool { return at.name == xml.Name{Space: space, Local: local} }

// inStanza reports whether it is a child of a stanza of that kind.
func (at place) inStanza(kinds ...string) bool {
	return len(at.up) == 1 && slices.Contains(kinds, at.up[0].name.Local)
}

func (n *node) value(local string) string {
	value, _ := n.attr(xml.Name{Local: local})
	return value
}

func (n *node) has(local string) bool {
	_, ok := n.attr(xml.Name{Local: local})
	return ok
}

// forget takes attributes away.
func (n *node) forget(locals ...string) {
	n.attrs = slices.DeleteFunc(n.attrs, func(a xml.Attr) bool { return slices.Contains(locals, a.Name.Local) })
}

// set replaces the value of an attribute.
func (n *node) set(local, value string) {
	for i := range n.attrs {
		if n.attrs[i].Name.Local == local {
			n.attrs[i].Value = value
		}
	}
}

// child is the first child of that name, nil if there is none.
func (n *node) child(space, local string) *node {
	for _, kid := range n.kids {
		if kid.name.Local == local && kid.name.Space == space {
			return kid
		}
	}
	return nil
}

// codes are the status codes that a stanza bears.
func (n *node) codes() (codes []string) {
	for _, x := range n.kids {
		if x.name.Space == nsUser && x.name.Local == "x" {
			for _, kid := range x.kids {
				if kid.name.Local == "status" {
					codes = append(codes, kid.value("code"))
				}
			}
		}
	}
	return codes
}

func (n *node) hasCode(code ...string) bool {
	return slices.ContainsFunc(n.codes(), func(c string) bool { return slices.Contains(code, c) })
}

// copied is a copy that may be changed.
func (n *node) copied() *node {
	c := *n
	c.attrs, c.texts, c.kids = slices.Clone(n.attrs), slices.Clone(n.texts), nil
	for _, kid := range n.kids {
		c.kids = append(c.kids, kid.copied())
	}
	return &c
}

// of is what is left of what a script expects.
func (r *reading) of(want *node) *node {
	n := want.copied()
	r.loosen(place{node: n, origin: want})
	return n
}

// loosen goes from the stanza down. What is asked for to the letter stays as it is.
func (r *reading) loosen(at place) {
	if value, _ := at.attr(strictName); value == "true" {
		return
	}
	for _, l := range r.loosenings {
		l.apply(r, at)
	}
	if len(at.up) == 0 && !at.has("type") {
		at.never = append(at.never, typed)
	}
	if !r.trusting {
		for _, p := range r.prohibitions {
			if p.holds(at) {
				at.never = append(at.never, func(got *node) string { return p.broken(r, at.origin, got) })
			}
		}
	}
	up := append(slices.Clone(at.up), at.node)
	for i, kid := range at.kids {
		r.loosen(place{kid, at.origin.kids[i], up})
	}
	var texts []string
	var kids []*node
	pending := ""
	for i, kid := range at.kids {
		pending += at.texts[i]
		if kid.left {
			at.optional = append(at.optional, kid)
		} else {
			texts, kids, pending = append(texts, pending), append(kids, kid), ""
		}
	}
	at.texts, at.kids = append(texts, pending+at.texts[len(at.texts)-1]), kids
}

// typed is a stanza with a type where none is expected, which is another kind of stanza.
func typed(got *node) string {
	if typ := got.value("type"); typ != "" && typ != "normal" {
		return "attribute type: expected none, got '" + typ + "'"
	}
	return ""
}

// asked reports whether a mark of that level names the section of XEP-0045, as 7.4, or the
// document, as XEP-0421, and is not waived. Nothing else makes a script ask for what the
// specification leaves open.
func (r *reading) asked(level Level, places ...string) bool {
	for _, m := range r.asks {
		if m.Level != level {
			continue
		}
		named := m.Document != baseDocument && slices.Contains(places, m.Document) ||
			m.Document == baseDocument && slices.Contains(places, m.Section)
		if named && !slices.Contains(r.waived, m) {
			return true
		}
	}
	return false
}

// enters reports whether the client that receives enters in this round.
func (r *reading) enters() bool {
	return r.own && r.sent.name.Local == "presence" && !r.sent.has("type") && r.sent.child(nsMUC, "x") != nil
}

// invites reports whether somebody invites in this round.
func (r *reading) invites() bool {
	return r.sent != nil && r.sent.name.Local == "message" && isAbout(r.sent, "invite")
}

// isKnown reports whether the client knows already what a presence says of an occupant.
func (r *reading) isKnown(n *node) bool {
	last := r.known[n.value("from")]
	return n.name.Local == "presence" && n.value("type") == "" && last != nil && last.value("type") == "" &&
		slices.Equal(standing(n), standing(last))
}

// moderates reports whether the client knows itself to be a moderator there.
func (r *reading) moderates() bool {
	says := func(n *node) bool {
		who, err := muc.ParseJID(itemOf(n).value("jid"))
		self := n.hasCode("110") || err == nil && who.Bare() == r.who
		return n.name.Local == "presence" && self && itemOf(n).value("role") == "moderator"
	}
	for _, n := range r.known {
		if says(n) {
			return true
		}
	}
	return r.user != nil && slices.ContainsFunc(r.user.inbox, func(m mail) bool { return says(m.stanza) })
}

// written reports whether a text is what somebody in the script sends, not words of the
// service's own.
func (r *reading) written(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || mustTemplate(text).isWild() || slices.Contains(r.said, text)
}

// sayings are all texts that clients send and that the host's commands name.
func sayings(s *Script) (said []string) {
	for i := range s.actions {
		a := &s.actions[i]
		for _, arg := range a.args {
			said = append(said, arg.Value)
		}
		if a.send == nil {
			continue
		}
		if n, err := fromElement(a.send); err == nil {
			_ = n.walk(func(n *node) error {
				said = append(said, strings.TrimSpace(n.text()))
				for _, attr := range n.attrs {
					said = append(said, attr.Value)
				}
				return nil
			})
		}
	}
	return said
}
