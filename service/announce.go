package service

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/stanza"
)

// Announce says something to everybody who is inside somewhere: each of these rooms
// says it, as itself. It returns how many rooms have it to say, without waiting for
// them. A text in which nothing stands is a [*muc.StanzaError]; other errors are
// [ErrClosed] and that of the context.
func (s *Service) Announce(ctx context.Context, text string) (rooms int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if strings.TrimSpace(text) == "" {
		return 0, &muc.StanzaError{Condition: stanza.BadRequest, Text: "There is nothing to announce."}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return 0, ErrClosed
	}
	for _, r := range s.rooms {
		if r.people > 0 {
			s.add(r, call{run: byHost(muc.Say{Body: text})})
			rooms++
		}
	}
	return rooms, nil
}

func (s *Service) isAdmin(who muc.JID) bool { return s.cfg.Admin != nil && s.cfg.Admin(who) }

// command carries out a command of administrators (XEP-0050). There is one: an
// announcement to all rooms (XEP-0133 §4.23). Nothing of it is remembered between
// its two steps.
func (s *Service) command(in *incoming, asked *etree.Element) (*reply, *muc.StanzaError) {
	if asked.SelectAttrValue("node", "") != ns.Announce {
		return nil, noNode()
	}
	if !s.isAdmin(in.from) {
		return nil, &muc.StanzaError{Condition: stanza.Forbidden, Text: "Only administrators of the service announce."}
	}
	r := in.result()
	answer := child(r.el, ns.Commands, "command")
	answer.CreateAttr("node", ns.Announce)
	session := asked.SelectAttrValue("sessionid", "")
	if session == "" {
		session = rand.Text()
	}
	answer.CreateAttr("sessionid", session)
	form := childNamed(asked, ns.Data, "x")
	switch action := asked.SelectAttrValue("action", "execute"); {
	case action == "cancel":
		answer.CreateAttr("status", "canceled")
	case action != "execute" && action != "complete":
		return nil, badCommand("malformed-action", "There is no such action here.")
	case form == nil && action == "execute":
		answer.CreateAttr("status", "executing")
		answer.CreateElement("actions").CreateElement("complete")
		writeAnnounceForm(answer)
	default:
		if _, err := s.Announce(s.ctx, announcement(form)); err != nil {
			return nil, badCommand("bad-payload", "There is nothing to announce.")
		}
		answer.CreateAttr("status", "completed")
	}
	return r, nil
}

func badCommand(condition, text string) *muc.StanzaError {
	return &muc.StanzaError{Condition: stanza.BadRequest, Text: text, Section: "XEP-0050 §4.4",
		App: stanza.AppCondition{Space: ns.Commands, Local: condition}}
}

func writeAnnounceForm(parent *etree.Element) {
	form := child(parent, ns.Data, "x")
	form.CreateAttr("type", "form")
	form.CreateElement("title").SetText("An announcement to all rooms")
	field := form.CreateElement("field")
	field.CreateAttr("type", "hidden")
	field.CreateAttr("var", "FORM_TYPE")
	field.CreateElement("value").SetText(ns.ServiceAdmin)
	field = form.CreateElement("field")
	field.CreateAttr("type", "text-multi")
	field.CreateAttr("var", "announcement")
	field.CreateAttr("label", "Announcement")
	field.CreateElement("required")
}

// announcement is the text in a form that was submitted, empty for none.
func announcement(form *etree.Element) string {
	if form == nil {
		return ""
	}
	var lines []string
	for _, field := range form.SelectElements("field") {
		if field.SelectAttrValue("var", "") == "announcement" {
			for _, value := range field.SelectElements("value") {
				lines = append(lines, value.Text())
			}
		}
	}
	return strings.Join(lines, "\n")
}

// commandInfo tells what a node of the commands is (XEP-0050 §2.2).
func (s *Service) commandInfo(in *incoming, node string) (*reply, *muc.StanzaError) {
	kind := map[string]string{ns.Commands: "command-list", ns.Announce: "command-node"}[node]
	if kind == "" || !s.isAdmin(in.from) {
		return nil, noNode()
	}
	r := in.result()
	answer := child(r.el, ns.DiscoInfo, "query")
	answer.CreateAttr("node", node)
	identity := answer.CreateElement("identity")
	identity.CreateAttr("category", "automation")
	identity.CreateAttr("type", kind)
	identity.CreateAttr("name", "Announcement to all rooms")
	for _, space := range [...]string{ns.Commands, ns.Data} {
		answer.CreateElement("feature").CreateAttr("var", space)
	}
	return r, nil
}

// commandItems lists the commands that somebody may use.
func (s *Service) commandItems(in *incoming, node string) (*reply, *muc.StanzaError) {
	if node != ns.Commands || s.cfg.Admin == nil {
		return nil, noNode()
	}
	r := in.result()
	answer := child(r.el, ns.DiscoItems, "query")
	answer.CreateAttr("node", node)
	if s.isAdmin(in.from) {
		item := answer.CreateElement("item")
		item.CreateAttr("jid", s.domain.String())
		item.CreateAttr("node", ns.Announce)
		item.CreateAttr("name", "Announcement to all rooms")
	}
	return r, nil
}
