package main

import (
	"strings"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Who the bot is in a room that it lives in or beside: a puppet, and an admin of the room,
// so that it may put people out.
const botNick = "Bot"

var botJID = muc.MustParseJID("bot@bots.example/bot")

// rules are what the bot's host can do and a client cannot: they judge a message before
// anybody hears it. They are pure functions of their argument.
var rules = policy.Rules{Speak: func(q policy.Speak) *muc.StanzaError {
	if strings.Contains(strings.ToLower(q.Payload), "plague") {
		return &muc.StanzaError{Type: stanza.TypeModify, Condition: stanza.NotAcceptable, Text: "Nobody curses here."}
	}
	return nil
}}

// lineOf is what an event tells the bot; ok says whether it is something that somebody
// else has said.
func lineOf(ev event.Event) (l Line, ok bool) {
	l.At = ev.Time
	if p, private := ev.Body.(*event.PrivateReceived); private {
		l.Nick, l.Person, l.Text, l.Private = p.Nick, p.OccupantID, p.Body(""), true
		return l, p.To == botNick && l.Text != ""
	}
	said := ev.Said()
	if said == nil {
		return l, false
	}
	l.Nick, l.Person, l.Text = said.Nick, said.OccupantID, said.Body("")
	return l, said.Nick != botNick && l.Text != ""
}

// command is an act as a command to a room. What the bot says it says as a puppet of the
// host; by asBot the room judges whether it may put somebody out.
func (a Act) command() (cmd muc.Command, asBot bool) {
	if a.Kick {
		return muc.Kick{Nick: a.To, Reason: a.Text}, true
	}
	return muc.Say{Nick: botNick, To: a.To, Body: a.Text}, false
}
