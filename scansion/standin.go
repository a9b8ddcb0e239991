package scansion

import (
	"fmt"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/roomconfig"
)

// Over the network the host's commands are carried out by stanzas of an owner of the room, as
// far as XEP-0045 has one for them.

// onWire are the commands of the host for which there is a stanza.
var onWire = []string{
	"create", "configure", "reset", "set-affiliation", "set-role", "kick", "destroy", "vanished",
}

// onWireAs are those for which there is one of a person inside: the room itself says nothing.
var onWireAs = []string{"invite", "set-subject", "moderate"}

func (n *network) doEverywhere(d hostCommand) error {
	for _, r := range n.rooms {
		if err := n.do(r.address, d); err != nil {
			return err
		}
	}
	return nil
}

// do has an owner do what the host does, or the person in whose name it is done.
func (n *network) do(address muc.JID, d hostCommand) error {
	r, err := n.room(address)
	if err != nil {
		return err
	}
	if c, ok := d.command.(muc.Create); ok {
		return n.create(r, c)
	}
	var l *line
	if d.as && d.who.IsBare() {
		return skip("the host does something in the name of a person, not of a client")
	} else if d.as {
		l = n.lineOf(d.who)
	} else if len(r.owners) > 0 {
		l = r.owners[0]
	}
	if l == nil || l.conn == nil {
		return skip("nobody is there who could do for the host: %T", d.command)
	}
	n.hostActs = !d.as
	defer func() { n.hostActs = false }()
	if err := n.standIn(r, l, d); err != nil {
		return err
	}
	return n.settle()
}

func (n *network) standIn(r *knownRoom, l *line, d hostCommand) error {
	switch c := d.command.(type) {
	case muc.Vanished:
		return n.vanish(c.JID)
	case muc.SetAffiliation:
		return n.affiliate(l, r, c)
	case muc.RemoveAffiliation:
		return n.affiliate(l, r, muc.SetAffiliation{JID: c.JID, Affiliation: muc.AffiliationNone, Reason: c.Reason})
	case muc.SetRole:
		return n.administer(l, r, "nick", c.Nick, "role", c.Role.String(), "", c.Reason)
	case muc.Kick:
		return n.administer(l, r, "nick", c.Nick, "role", "none", "", c.Reason)
	case muc.Configure:
		config := r.config
		c.Change(&config)
		return n.configure(l, r, config)
	case muc.Reset:
		return n.configure(l, r, c.Config)
	case muc.Destroy:
		query := newElement(nsOwner, "query")
		destroy := query.CreateElement("destroy")
		if !c.Alternate.IsZero() {
			destroy.CreateAttr("jid", n.names.toServer(c.Alternate.String()))
		}
		addText(destroy, "password", c.Password)
		addText(destroy, "reason", c.Reason)
		return n.mustDo(l, r, query)
	case muc.Moderate:
		moderate := newElement("urn:xmpp:message-moderate:1", "moderate")
		moderate.CreateAttr("id", c.ID)
		moderate.CreateElement("retract").CreateAttr("xmlns", "urn:xmpp:message-retract:1")
		addText(moderate, "reason", c.Reason)
		return n.mustDo(l, r, moderate)
	case muc.Invite:
		x := newElement(nsUser, "x")
		invite := x.CreateElement("invite")
		invite.CreateAttr("to", n.names.toServer(c.To.String()))
		addText(invite, "reason", c.Reason)
		return n.message(l, r, "", x)
	case muc.SetSubject:
		subject := etree.NewElement("subject")
		subject.SetText(c.Subject)
		return n.message(l, r, "groupchat", subject)
	}
	return skip("no stanza does what the host does with %T", d.command)
}

// create has the owner make a room, configure it, and leave before anybody else comes.
func (n *network) create(r *knownRoom, c muc.Create) error {
	if !c.Config.Persistent {
		return skip("the host makes a temporary room with nobody inside")
	}
	l := n.lineOf(c.Owner)
	if l == nil {
		return fmt.Errorf("nobody logged in as %s", c.Owner)
	}
	r.owners = []*line{l}
	before := l.ignores
	l.ignores = true
	defer func() { l.ignores = before }()
	room := n.names.toServer(r.address.String())
	presence := etree.NewElement("presence")
	presence.CreateAttr("to", room+"/"+setupName)
	leave := presence.Copy()
	leave.CreateAttr("type", "unavailable")
	presence.CreateElement("x").CreateAttr("xmlns", nsMUC)
	if err := n.write(l, presence); err != nil {
		return err
	}
	if err := n.fence([]*line{l}, []string{room}); err != nil {
		return err
	}
	if err := n.configure(l, r, c.Config); err != nil {
		return err
	}
	if err := n.write(l, leave); err != nil {
		return err
	}
	return n.fence([]*line{l}, []string{room})
}

// configure submits what is different in a configuration, by the names of fields that the
// server's own form has.
func (n *network) configure(l *line, r *knownRoom, config muc.RoomConfig) error {
	form, err := n.ask(l, r.address, "get", newElement(nsOwner, "query"))
	if err != nil {
		return err
	}
	if !form.isResult() {
		return skip("the server shows the owner no form to set up the room: %s", form.condition())
	}
	offered := varsOf(form)
	var fields []field
	for _, change := range roomconfig.Changes(&r.config, &config) {
		known := roomconfig.Named(change.Var)
		names := append([]string{known.Name}, known.Aliases...)
		at := slices.IndexFunc(names, func(name string) bool { return slices.Contains(offered, name) })
		if at < 0 {
			return skip("the server's form to set up a room has no field %s", known.Name)
		}
		fields = append(fields, field{names[at], known.Get(&config)})
		if known == roomconfig.Password {
			fields = append(fields, field{roomconfig.PasswordFlag.Name, roomconfig.PasswordFlag.Get(&config)})
		}
	}
	// In ejabberd's moderated rooms everybody has voice, unless this field of its own says otherwise.
	if own := "members_by_default"; config.Moderated != r.config.Moderated && slices.Contains(offered, own) {
		fields = append(fields, field{own, []string{map[bool]string{true: "0", false: "1"}[config.Moderated]}})
	}
	r.config = config
	return n.mustDo(l, r, submission(fields))
}

type field struct {
	name   string
	values []string
}

// submission is an owner's form, filled in.
func submission(fields []field) *etree.Element {
	query := newElement(nsOwner, "query")
	x := query.CreateElement("x")
	x.CreateAttr("xmlns", "jabber:x:data")
	x.CreateAttr("type", "submit")
	for _, f := range append([]field{{"FORM_TYPE", []string{nsMUC + "#roomconfig"}}}, fields...) {
		el := x.CreateElement("field")
		el.CreateAttr("var", f.name)
		for _, value := range f.values {
			el.CreateElement("value").SetText(value)
		}
	}
	return query
}

func (n *network) affiliate(l *line, r *knownRoom, c muc.SetAffiliation) error {
	err := n.administer(l, r, "jid", c.JID.String(), "affiliation", c.Affiliation.String(), c.Nick, c.Reason)
	other := n.lineOf(c.JID)
	if err != nil || other == nil {
		return err
	}
	r.owners = slices.DeleteFunc(r.owners, func(l *line) bool { return l.login.Person == other.login.Person })
	if c.Affiliation == muc.Owner {
		r.owners = append(r.owners, other)
	}
	return nil
}

// administer sets an affiliation or a role (XEP-0045 §8 to §10).
func (n *network) administer(l *line, r *knownRoom, key, whom, what, value, nick, reason string) error {
	query := newElement(nsAdmin, "query")
	item := query.CreateElement("item")
	item.CreateAttr(key, n.names.toServer(whom))
	item.CreateAttr(what, value)
	if nick != "" {
		item.CreateAttr("nick", nick)
	}
	addText(item, "reason", reason)
	return n.mustDo(l, r, query)
}

// mustDo sends a request to set up a room; if that is refused, the script cannot be played.
func (n *network) mustDo(l *line, r *knownRoom, payload *etree.Element) error {
	answer, err := n.ask(l, r.address, "set", payload)
	if err == nil && !answer.isResult() {
		return skip("the server refuses to have the room set up: %s", answer.condition())
	}
	return err
}

func (n *network) message(l *line, r *knownRoom, kind string, payload *etree.Element) error {
	room := n.names.toServer(r.address.String())
	message := etree.NewElement("message")
	message.CreateAttr("to", room)
	if kind != "" {
		message.CreateAttr("type", kind)
	}
	message.AddChild(payload)
	if err := n.write(l, message); err != nil {
		return err
	}
	return n.fence([]*line{l}, []string{room})
}

// vanish breaks the connection of a client, which comes back without a word: for rooms it is gone.
func (n *network) vanish(who muc.JID) error {
	var cut []*line
	for _, l := range n.lines {
		if l.conn != nil && l.user != nil && l.user.connected && l.user.JID.Within(who) {
			cut = append(cut, l)
		}
	}
	if len(cut) > 1 {
		return skip("several connections break at once, in no order")
	}
	for _, l := range cut {
		if err := n.disconnect(l.user); err != nil {
			return err
		}
		if err := n.connect(l.user); err != nil {
			return err
		}
	}
	return nil
}

// lineOf is a connection of somebody: the client, if it is a full JID.
func (n *network) lineOf(who muc.JID) *line {
	for _, l := range n.lines {
		if l.conn != nil && (n.people[l.login.Person] == who || l.user != nil && l.user.JID == who) {
			return l
		}
	}
	return nil
}

// reply: the server answers by itself what rooms want of its archive.
func (n *network) reply(a *action) error {
	if !a.archive {
		return skip("the host answers a question of the room")
	}
	return nil
}

func newElement(space, tag string) *etree.Element {
	el := etree.NewElement(tag)
	el.CreateAttr("xmlns", space)
	return el
}

func addText(el *etree.Element, tag, text string) {
	if text != "" {
		el.CreateElement(tag).SetText(text)
	}
}
