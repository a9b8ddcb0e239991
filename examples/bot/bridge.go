package main

import (
	"fmt"
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

// Bridge has people of another network in the room, each as a puppet with a nick of its
// own, and tells that network what is said. Like the bot it is told and asked; the room
// bounds who may enter, how many, and what they say, as it does with everybody.
type Bridge struct {
	// Domain is where its people are known to be.
	Domain string
	// inside are those that are in the room now, by nick.
	inside map[string]bool
}

// Enter is what brings somebody in, or is an error for a name that no address can have.
func (b *Bridge) Enter(name string) (muc.Command, error) {
	who, err := muc.ParseJID(name + "@" + b.Domain)
	if err != nil {
		return nil, err
	}
	return muc.Join{JID: who, Nick: b.nick(name)}, nil
}

// Speak is what somebody of the other network says.
func (b *Bridge) Speak(name, text string) muc.Command {
	return muc.Say{Nick: b.nick(name), Body: text}
}

// Exit is what takes somebody out.
func (b *Bridge) Exit(name string) muc.Command { return muc.Leave{Nick: b.nick(name)} }

func (b *Bridge) nick(name string) string { return name + " (" + b.Domain + ")" }

// Hears is what an event tells the other network: a line, or "". Its own people are not
// told what they have said themselves.
func (b *Bridge) Hears(ev event.Event) string {
	switch e := ev.Body.(type) {
	case *event.Joined:
		if b.inside == nil {
			b.inside = map[string]bool{}
		}
		if e.JID.Domain() == b.Domain && e.Session == 0 { // no client of that domain, but a puppet
			b.inside[e.Nick] = true
		}
	case *event.Left:
		delete(b.inside, e.Nick)
	case *event.Removed:
		if b.inside[e.Nick] {
			delete(b.inside, e.Nick)
			return oneLine("* %s was put out: %s", e.Nick, e.Reason)
		}
	case *event.PrivateReceived:
		if b.inside[e.To] {
			return oneLine("<%s to %s> %s", e.Nick, e.To, e.Body(""))
		}
	}
	if said := ev.Said(); said != nil && !b.inside[said.Nick] && said.Body("") != "" {
		return oneLine("<%s> %s", said.Nick, said.Body(""))
	}
	return ""
}

// oneLine is a line of the other network: what is said here may have several, and must not
// become commands there.
func oneLine(format string, args ...any) string {
	return strings.Join(strings.FieldsFunc(fmt.Sprintf(format, args...), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}
