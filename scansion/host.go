package scansion

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// builtinCommands are the commands of `host:` lines. They and their arguments
// bear the names of the commands of package muc and of their fields; `as` is taken off
// before.
var builtinCommands = map[string]Command{
	"create": build(func(a *arguments) muc.Command {
		return muc.Create{Owner: a.jid("owner"), Config: a.roomConfig()}
	}),
	"vanished": build(func(a *arguments) muc.Command { return muc.Vanished{JID: a.jid("jid")} }),
	"kick": build(func(a *arguments) muc.Command {
		return muc.Kick{Nick: a.text("nick"), Reason: a.text("reason")}
	}),
	"kick-blocked": build(func(a *arguments) muc.Command { return muc.KickBlocked{Reason: a.text("reason")} }),
	"set-role": build(func(a *arguments) muc.Command {
		c := muc.SetRole{Nick: a.text("nick"), Reason: a.text("reason")}
		a.note(c.Role.UnmarshalText([]byte(a.text("role"))))
		if c.Role == muc.RoleNone {
			return muc.Kick{Nick: c.Nick, Reason: c.Reason}
		}
		return c
	}),
	"set-affiliation": build(func(a *arguments) muc.Command {
		c := muc.SetAffiliation{JID: a.jid("jid"), Nick: a.text("nick"), Reason: a.text("reason")}
		a.note(c.Affiliation.UnmarshalText([]byte(a.text("affiliation"))))
		if c.Affiliation == muc.AffiliationNone {
			return muc.RemoveAffiliation{JID: c.JID, Reason: c.Reason}
		}
		return c
	}),
	"reset": build(func(a *arguments) muc.Command { return muc.Reset{Config: a.roomConfig()} }),
	"configure": build(func(a *arguments) muc.Command {
		set := a.settings()
		return muc.Configure{Change: func(c *muc.RoomConfig) {
			for _, set := range set {
				set(c)
			}
		}}
	}),
	"invite": build(func(a *arguments) muc.Command {
		return muc.Invite{To: a.jid("to"), Reason: a.text("reason")}
	}),
	"set-subject": build(func(a *arguments) muc.Command {
		return muc.SetSubject{Subject: a.text("subject"), Nick: a.text("nick")}
	}),
	"moderate": build(func(a *arguments) muc.Command {
		return muc.Moderate{ID: a.text("id"), Reason: a.text("reason")}
	}),
	"say": build(func(a *arguments) muc.Command {
		return muc.Say{Body: a.text("body"), Nick: a.text("nick"), To: a.text("to")}
	}),
	"join": build(func(a *arguments) muc.Command {
		return muc.Join{JID: a.jid("jid"), Nick: a.text("nick"), Presence: a.presence()}
	}),
	"rename": build(func(a *arguments) muc.Command { return muc.Rename{Nick: a.text("nick"), To: a.text("to")} }),
	"leave": build(func(a *arguments) muc.Command {
		return muc.Leave{Nick: a.text("nick"), Presence: a.presence()}
	}),
	"destroy": build(func(a *arguments) muc.Command {
		return muc.Destroy{
			Reason: a.text("reason"), Alternate: a.jid("alternate"), Password: a.text("password"),
			Tombstone: a.text("tombstone") == "true",
		}
	}),
	"decide-registration": build(func(a *arguments) muc.Command {
		return muc.DecideRegistration{JID: a.jid("jid"), Allow: a.text("allow") == "true"}
	}),
	"create-hat": build(func(a *arguments) muc.Command {
		return muc.CreateHat{URI: a.text("uri"), Title: a.text("title"), Hue: a.text("hue"), Lang: a.text("lang")}
	}),
	"destroy-hat":  build(func(a *arguments) muc.Command { return muc.DestroyHat{URI: a.text("uri")} }),
	"assign-hat":   build(func(a *arguments) muc.Command { return muc.AssignHat{JID: a.jid("jid"), URI: a.text("uri")} }),
	"unassign-hat": build(func(a *arguments) muc.Command { return muc.UnassignHat{JID: a.jid("jid"), URI: a.text("uri")} }),
	"forget":       build(func(a *arguments) muc.Command { return muc.Forget{JID: a.jid("jid"), Heir: a.jid("heir")} }),
	"set-vcard":    build(func(a *arguments) muc.Command { return muc.SetVCard{VCard: a.vCard()} }),
	"shutdown":     build(func(a *arguments) muc.Command { return muc.Shutdown{Reason: a.text("reason")} }),
}

func commands(o Options) map[string]Command {
	all := maps.Clone(builtinCommands)
	maps.Copy(all, o.Commands)
	return all
}

// hostActs carries out a `host:` line.
func (p *player) hostActs(a *action) error {
	makeCommand, ok := p.host[a.command]
	if !ok {
		return fmt.Errorf("the host knows no command %q", a.command)
	}
	args := make(map[string]string, len(a.args))
	for _, arg := range a.args {
		args[arg.Name.Local] = mustTemplate(arg.Value).expand(p.vars)
	}
	who, as := args["as"]
	delete(args, "as")
	command, err := makeCommand(args)
	if err != nil {
		return err
	}
	cmd := hostCommand{command: command, as: as}
	if as {
		if cmd.who, err = muc.ParseJID(who); err != nil {
			return err
		}
	}
	if a.room.IsZero() {
		return p.stage.doEverywhere(cmd)
	}
	return p.stage.do(a.room, cmd)
}

// reply answers or refuses the question that has waited longest.
func (s *service) reply(a *action) error {
	if len(s.asks) == 0 {
		return errors.New("no room has asked the host anything")
	}
	asked := s.asks[0]
	answer := muc.Answer{ID: asked.id}
	switch {
	case a.verb == verbRefuses:
		answer.Refuse = &muc.StanzaError{Condition: a.condition}
	case a.archive:
		if asked.archive == nil {
			return errors.New("the room did not ask for its archive")
		}
		r, err := s.room(asked.room)
		if err != nil {
			return err
		}
		page, refused := asked.archive.Page(r.events)
		answer.Archive, answer.Refuse = &page, refused
	case a.send != nil:
		answer.Payload = a.send.Copy()
		s.player.fillIn(answer.Payload)
		s.player.trace.sent(answer.Payload)
	}
	return s.do(asked.room, hostCommand{command: answer})
}

// build makes a Command of a function that takes the arguments it knows. One
// that it does not take is an error.
func build(f func(*arguments) muc.Command) Command {
	return func(args map[string]string) (muc.Command, error) {
		a := &arguments{left: maps.Clone(args)}
		command := f(a)
		if len(a.left) > 0 {
			a.note(fmt.Errorf("no argument is called %q", slices.Min(slices.Collect(maps.Keys(a.left)))))
		}
		return command, errors.Join(a.errs...)
	}
}

// arguments are what is left of the arguments of a command.
type arguments struct {
	left map[string]string
	errs []error
}

func (a *arguments) note(err error) {
	if err != nil {
		a.errs = append(a.errs, err)
	}
}

func (a *arguments) text(name string) string {
	value := a.left[name]
	delete(a.left, name)
	return value
}

// jid takes an address; none is the zero JID.
func (a *arguments) jid(name string) muc.JID {
	value := a.text(name)
	if value == "" {
		return muc.JID{}
	}
	jid, err := muc.ParseJID(value)
	a.note(err)
	return jid
}

// presence takes what the presence of a puppet says; nil for nothing.
func (a *arguments) presence() *etree.Element {
	var el *etree.Element
	for _, name := range []string{"show", "status"} {
		if value := a.text(name); value != "" {
			if el == nil {
				el = etree.NewElement("presence")
			}
			el.CreateElement(name).SetText(value)
		}
	}
	return el
}

// vCard takes an image in base64, none for a vCard without one.
func (a *arguments) vCard() *etree.Element {
	el := etree.NewElement("vCard")
	el.CreateAttr("xmlns", "vcard-temp")
	if image := a.text("photo"); image != "" {
		el.CreateElement("PHOTO").CreateElement("BINVAL").SetText(image)
	}
	return el
}

// roomConfig takes all arguments that are left as fields of a room
// configuration, by the names that they have in events. A value is tried as text
// first and then as a number or truth value.
func (a *arguments) roomConfig() muc.RoomConfig {
	var config muc.RoomConfig
	for _, set := range a.settings() {
		set(&config)
	}
	return config
}

// settings are what sets those fields, one after the other.
func (a *arguments) settings() (all []func(*muc.RoomConfig)) {
	for _, name := range slices.Sorted(maps.Keys(a.left)) {
		value := a.text(name)
		var some muc.RoomConfig
		var is any = value
		if setField(&some, name, is) != nil {
			if is = json.RawMessage(value); setField(&some, name, is) != nil {
				a.note(fmt.Errorf("no room can be configured with %s='%s'", name, value))
				continue
			}
		}
		all = append(all, func(c *muc.RoomConfig) { _ = setField(c, name, is) }) // which went well before
	}
	return all
}

// setField sets the field of that name, if there is one for such a value.
func setField(config *muc.RoomConfig, name string, value any) error {
	src, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		return err
	}
	changed := *config
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&changed); err != nil {
		return err
	}
	*config = changed
	return nil
}
