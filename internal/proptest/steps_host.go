package proptest

import (
	"fmt"
	"slices"
	"time"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// tick lets time pass: some, or until something is due.
func (w *world) tick() {
	due := w.room.Deadline()
	if due.After(w.now) && w.oneIn(2, "due") {
		w.now = due
	}
	w.step(input{tick: true})
}

func (w *world) host() {
	who := muc.MustParseJID(w.someone())
	text := pick(w, "text", append([]string{"\x01", "\xff"}, texts...))
	switch rapid.IntRange(0, 19).Draw(w.t, "command") {
	case 19:
		w.command(muc.KickBlocked{Reason: text})
	case 0, 1:
		w.command(muc.Vanished{JID: who})
	case 2:
		w.command(muc.Vanished{JID: pick(w, "vanished", []muc.JID{who.Bare(), muc.MustParseJID(who.Domain())})})
	case 3:
		w.commandAs(w.as(), muc.Kick{Nick: w.oddName(), Reason: text})
	case 4, 5:
		w.commandAs(w.as(), muc.SetRole{Nick: w.oddName(), Role: muc.Moderator - muc.Role(rapid.IntRange(0, 4).Draw(w.t, "role")), Reason: text})
	case 6, 7:
		w.commandAs(w.as(), affiliated(w, muc.SetAffiliation{JID: who.Bare(), Affiliation: muc.Affiliation(rapid.IntRange(-2, 4).Draw(w.t, "affiliation")),
			Nick: pick(w, "reserve", []string{"", w.oddName()}), Reason: text}))
	case 8:
		w.command(muc.SetAffiliation{JID: pick(w, "owner", []muc.JID{who.Bare(), muc.MustParseJID(who.Domain())}), Affiliation: muc.Owner})
	case 9:
		conf := anyRoomConfig(w.t)
		if conf.Name = text; w.oneIn(8, "wrong") {
			conf.Whois, conf.AllowPM = 9, 9
		}
		if name := conf.Name; w.oneIn(3, "change") {
			w.commandAs(w.as(), muc.Configure{Change: func(c *muc.RoomConfig) { c.Name, c.Moderated = name, !c.Moderated }})
			return
		}
		w.commandAs(w.as(), muc.Reset{Config: conf})
	case 10:
		w.command(muc.Create{Owner: who, Config: anyRoomConfig(w.t)})
	case 11:
		w.command(muc.Shutdown{Reason: text})
	case 12:
		w.command(muc.Forget{JID: who.Bare()})
	case 13:
		w.command(muc.Forget{JID: who.Bare(), Heir: muc.MustParseJID(pick(w, "heir", append([]string{"heir@three.example"}, users...)))})
	case 14:
		w.commandAs(w.as(), muc.Invite{To: muc.MustParseJID(w.session()).Bare(), Reason: text})
	case 15:
		w.commandAs(w.as(), muc.DecideRegistration{JID: who.Bare(), Allow: rapid.Bool().Draw(w.t, "allow")})
	case 16:
		if w.oneIn(3, "destroy") {
			w.commandAs(w.as(), muc.Destroy{Reason: text, Tombstone: rapid.Bool().Draw(w.t, "tombstone")})
		}
	case 17:
		w.command(pick(w, "talk", []muc.Command{muc.Say{Body: "announcement"}, muc.SetSubject{Subject: "order"}, muc.SetSubject{},
			muc.Say{Body: text}, muc.SetSubject{Subject: text}, w.imported(who, text)}))
	case 18:
		w.commandAs(who, pick(w, "talk", []muc.Command{muc.Say{Body: text}, muc.Say{Body: text, To: w.name()}, muc.SetSubject{Subject: text}, muc.Leave{Nick: w.oddName()}}))
	}
}

// imported is something that somebody said in the room elsewhere.
func (w *world) imported(who muc.JID, text string) muc.Command {
	c := muc.ImportMessage{Nick: w.oddName(), Message: etree.NewElement("message"), StanzaID: pick(w, "stanza-id", []string{"", "old-1", w.id()})}
	if w.oneIn(2, "known") {
		c.JID = who
	}
	c.Message.CreateElement(pick(w, "child", []string{"body", "body", "subject", "status"})).SetText(text)
	return c
}

// affiliated is mostly the command for that affiliation, also for none.
func affiliated(w *world, c muc.SetAffiliation) muc.Command {
	if c.Affiliation == muc.AffiliationNone && !w.oneIn(8, "forgotten") {
		return muc.RemoveAffiliation{JID: c.JID, Reason: c.Reason}
	}
	return c
}

// as is in whose name the host acts, often its own.
func (w *world) as() muc.JID {
	if w.oneIn(2, "as") {
		return muc.MustParseJID(w.someone())
	}
	return muc.JID{}
}

// puppet is what the host does with occupants of its own.
func (w *world) puppet() {
	nick := w.puppetNick()
	inside := slices.ContainsFunc(w.last.occupants, func(o muc.Occupant) bool { return len(o.Sessions) == 0 })
	switch {
	case !inside && w.oneIn(2, "enters"):
		w.command(muc.Join{JID: muc.MustParseJID("bot@irc.example/x"), Nick: "Bot"})
		return
	case inside && w.oneIn(2, "said to it"):
		w.stanza(fmt.Sprintf(`<message type='%s' id='%s' from='%s' to='%s/%s'>%s</message>`, pick(w, "type", []string{"chat", "", "headline"}), w.id(), w.someone(),
			roomJID, esc(nick), pick(w, "payload", []string{"<body>for the host</body>", "<composing xmlns='http://jabber.org/protocol/chatstates'/>"})))
		return
	}
	el := etree.NewElement(pick(w, "kind", []string{"presence", "presence", "presence", "message", "x"}))
	el.CreateElement(pick(w, "child", []string{"status", "body", "subject"})).SetText(pick(w, "text", texts))
	w.command(pick(w, "puppet", []muc.Command{
		muc.Join{JID: muc.MustParseJID(w.session()), Nick: w.oddName(), Presence: el}, muc.Join{JID: muc.MustParseJID(w.session()).Bare(), Nick: w.name()},
		muc.Leave{Nick: nick, Presence: el}, muc.Rename{Nick: nick, To: w.oddName()}, muc.Say{Nick: nick, Body: "said by a puppet"}, muc.Say{Nick: nick, Message: el},
		muc.Say{Nick: nick, To: w.oddName(), Body: "said in private"}, muc.Say{Nick: w.name(), To: nick, Body: "among puppets"},
		muc.SetSubject{Nick: nick, Subject: "set by a puppet"},
	}))
}

// puppetNick is that of a puppet, if there is one, or any.
func (w *world) puppetNick() string {
	for i := range w.last.occupants {
		if o := &w.last.occupants[i]; len(o.Sessions) == 0 {
			return o.Nick
		}
	}
	return w.name()
}

// hostAnswer is the host's answer to something that it was once asked.
func (w *world) hostAnswer() {
	if len(w.ledger.asks) == 0 {
		w.command(muc.Answer{ID: "nonsense"})
		return
	}
	ask := w.ledger.asks[len(w.ledger.asks)-1]
	if w.oneIn(3, "earlier") {
		ask = pick(w, "ask", w.ledger.asks)
	}
	a := muc.Answer{ID: ask.ID}
	switch rapid.IntRange(0, 3).Draw(w.t, "answer") {
	case 0:
		a.Refuse = &muc.StanzaError{Condition: stanza.NotAllowed}
	case 1:
		a.Payload = parse("<q xmlns='urn:example:asked'/>")
	case 2:
		if ask.Archive != nil {
			page, refused := ask.Archive.Page(slices.Concat(w.past, w.log))
			a.Archive, a.Refuse = &page, refused
		}
	}
	w.command(a)
}

// outlive lets more time pass than anybody has to wait.
func (w *world) outlive() {
	w.now = w.now.Add(48 * time.Hour)
	w.stepAt(input{tick: true})
}
