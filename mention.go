package muc

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/jid"
)

// Mentions of people who are not inside (XEP-0452 §3), by references in a message
// (XEP-0372).

// forwardsMentions reports whether people who are not inside hear of mentions: the host lets
// rooms do it, and the owners want it.
func (r *Room) forwardsMentions() bool { return r.cfg.ForwardMentions && r.st.Config().ForwardMentions }

// mention proposes that the step's message is forwarded to those who are mentioned in it and
// not inside. Each is a notice: where no more may be caused (Rates.Notices), the others hear
// nothing of it, and the message is said all the same.
func (t *step) mention(m *event.Message) {
	if !t.r.forwardsMentions() || t.r.st.Life() != Open {
		return
	}
	var people []JID
	for i := range t.in.Kids {
		c := &t.in.Kids[i]
		if c.NS != ns.Reference || c.Name != "reference" || t.in.childAttr(c, "type") != "mention" {
			continue
		}
		if p := t.mentioned(t.in.childAttr(c, "uri")); t.r.tells(p) && !slices.Contains(people, p.JID()) {
			people = append(people, p.JID())
		}
	}
	if people = people[:t.notices(t.sender.jid, len(people))]; len(people) > 0 {
		t.propose(&event.Mentioned{JIDs: people, Nick: m.Nick, ID: m.ID, StanzaID: m.StanzaID})
	}
}

// tells reports whether somebody hears outside of mentions: who has an affiliation, which may
// be that of the domain, and has reserved a nick, by which one chooses to hear of them
// (XEP-0452 §2).
func (r *Room) tells(p *state.Person) bool {
	return p != nil && p.Nick() != "" && !p.Inside() && r.st.AffiliationCounting(p.JID(), p) >= Member
}

// mentioned is whom a URI names (RFC 5122): by the reserved nick, as an address in the room,
// or by the real address, if the sender may know who that is. Otherwise one could find out
// who is a member.
func (t *step) mentioned(uri string) *state.Person {
	r := t.r
	scheme, rest, ok := strings.Cut(uri, ":")
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	text, err := url.PathUnescape(rest)
	if !ok || err != nil || !strings.EqualFold(scheme, "xmpp") {
		return nil
	}
	j, err := jid.ParseBy(text, r.cfg.NormalizeDomain)
	switch {
	case err != nil:
		return nil
	case j.Bare() != r.jid:
		if !seesJIDs(&r.st, t.sender.role, t.sender.aff) {
			return nil
		}
		return r.st.Person(j.Bare())
	}
	nick, e := r.judgeNick(j.Resource())
	if e != nil {
		return nil
	}
	return r.st.ReservedBy(nick.Key)
}

// renderMentioned forwards a message, as most people inside see it (XEP-0452 §3.2).
func (t *step) renderMentioned(h *happened) {
	r, m := t.r, h.said
	t.send(h.mentioned.JIDs, splice.Write("message", 512+len(m.Payload), func(w *xmlwire.Writer) {
		address(w, "from", r.jid)
		w.Start("mentions", ns.Mentions)
		w.Start("forwarded", ns.Forward)
		w.Empty("delay", ns.Delay, "stamp", t.stamp().Format(event.TimeFormat))
		w.Start("message", ns.Client)
		address(w, "to", r.jid)
		r.writeMessage(w, "groupchat", m)
		w.End()
		w.End()
		w.End()
	}), splice.None, nil)
}
