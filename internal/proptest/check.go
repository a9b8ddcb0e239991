package proptest

import (
	"bytes"
	"maps"
	"strings"

	"github.com/gomuc/muc"
)

// check holds one step to all promises that concern a step.
func (w *world) check(in input, before, after *truth, fx muc.Effects, err error) {
	w.checkReplay(fx)
	w.checkRefusal(in, before, after, fx, err)
	w.checkOwner(after)
	w.deliver(in, before, after, fx)
	w.checkAnswer(in, fx)
	w.checkBelief(after)
	w.checkEntry(fx)
	w.checkLimits(after)
}

// checkReplay: a room that follows the events is the room, and the durable ones
// alone make what is durable of it.
func (w *world) checkReplay(fx muc.Effects) {
	for _, ev := range fx.Events {
		if err := w.follower.Apply(ev); err != nil {
			w.fail("replay: %v", err)
		}
		if ev.Durable() {
			if err := w.restart.Apply(ev); err != nil {
				w.fail("replay of durable events: %v", err)
			}
		}
	}
	if live, replayed := w.room.Snapshot(muc.Live), w.follower.Snapshot(muc.Live); !bytes.Equal(live, replayed) {
		w.fail("replay differs\nlive:     %s\nreplayed: %s", live, replayed)
	}
	if live, replayed := w.room.Snapshot(muc.Durable), w.restart.Snapshot(muc.Durable); !bytes.Equal(live, replayed) {
		w.fail("durable replay differs\nlive:     %s\nreplayed: %s", live, replayed)
	}
}

// checkRefusal: who is refused has changed nothing. A join that waited for the
// host's answer waits no more, whatever comes of it.
func (w *world) checkRefusal(in input, before, after *truth, fx muc.Effects, err error) {
	if _, waited := in.cmd.(muc.Answer); waited && err == nil {
		return
	}
	if (err != nil || fx.Refused != nil) && (before.live != after.live || len(fx.Events) > 0) {
		w.fail("refused (%v, %v) and yet changed", err, fx.Refused)
	}
}

// checkOwner: a living room has an owner.
func (w *world) checkOwner(after *truth) {
	if after.state == muc.Unborn || after.state == muc.Destroyed {
		return
	}
	for _, a := range after.affs {
		if a == muc.Owner {
			return
		}
	}
	w.fail("the room has no owner")
}

// deliver hands out what was sent, and checks who gets what.
func (w *world) deliver(in input, before, after *truth, fx muc.Effects) {
	sender := ""
	if el := parse(in.stanza); el != nil {
		sender = el.SelectAttrValue("from", "")
	}
	seen := map[string]bool{}
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			text := string(out.AppendXML(nil, to, ""))
			if seen[text] && to.String() != sender {
				w.fail("sent twice: %s", text)
			}
			seen[text] = true
			el := parse(text)
			if el == nil {
				w.fail("not well-formed: %s", text)
			}
			_, was := before.inside[to.String()]
			_, is := after.inside[to.String()]
			asked := w.asked(fx, to)
			if !was && !is && to.String() != sender && !to.IsBare() && !asked {
				w.fail("sent to a stranger: %s", text)
			}
			w.checkSight(in, sender, before, after, to, text)
			if to.IsBare() {
				continue
			}
			c := w.clients[to.String()]
			if c == nil {
				c = &client{}
				w.clients[to.String()] = c
			}
			c.fold(el)
		}
	}
}

// asked reports whether somebody outside gets the answer to a question that the
// host was asked.
func (w *world) asked(fx muc.Effects, to muc.JID) bool {
	for _, ev := range fx.Events {
		if b, ok := ev.Body.(*muc.Answered); ok && b.JID == to {
			return true
		}
	}
	return false
}

// checkSight: a real JID or the password reaches only who may see it.
func (w *world) checkSight(in input, sender string, before, after *truth, to muc.JID, text string) {
	own := to.Bare().String()
	said := strings.Replace(in.stanza, "from='"+sender+"'", "", 1)
	echoed := func(s string) bool { return strings.Contains(said, s) }
	if !before.seesJIDs(to) && !after.seesJIDs(to) {
		for _, u := range users {
			if u != own && strings.Contains(text, u) && !echoed(u) {
				w.fail("%s learns of %s: %s", to, u, text)
			}
		}
	}
	if strings.Contains(text, "<invite") {
		return // an invitation brings the password (XEP-0045 §7.8.2)
	}
	if strings.Contains(text, password) && before.affiliation(to.Bare()) < muc.Owner && !echoed(password) {
		w.fail("%s learns the password: %s", to, text)
	}
}

// checkAnswer: a request gets exactly one answer, is passed on, or is asked
// about; nothing else is ever answered.
func (w *world) checkAnswer(in input, fx muc.Effects) {
	el := parse(in.stanza)
	if el == nil || el.Tag != "iq" {
		return
	}
	if _, err := muc.ParseJID(el.SelectAttrValue("from", "")); err != nil {
		return // there is nobody to answer
	}
	id, from, typ := el.SelectAttrValue("id", ""), el.SelectAttrValue("from", ""), el.SelectAttrValue("type", "")
	answers, others := 0, 0
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			got := parse(string(out.AppendXML(nil, to, "")))
			if got.Tag != "iq" {
				continue
			}
			t := got.SelectAttrValue("type", "")
			if to.String() == from && got.SelectAttrValue("id", "") == id && (t == "result" || t == "error") {
				answers++
			} else if !w.answersEarlier(fx, to, got.SelectAttrValue("id", "")) {
				others++
			}
		}
	}
	switch {
	case typ == "get" || typ == "set":
		if answers+others+len(fx.Asks) != 1 {
			w.fail("%d answers, %d passed on, %d asks for one request", answers, others, len(fx.Asks))
		}
	case (typ == "result" || typ == "error") && answers > 0:
		w.fail("an answer was answered")
	}
}

// answersEarlier reports whether an answer is to what the host was asked before:
// the end of a room answers that too.
func (w *world) answersEarlier(fx muc.Effects, to muc.JID, id string) bool {
	for _, ev := range fx.Events {
		if b, ok := ev.Body.(*muc.Answered); ok && b.JID == to && b.IQ == id {
			return true
		}
	}
	return false
}

// checkBelief: what each session believes is what is so.
func (w *world) checkBelief(after *truth) {
	for full := range after.inside {
		c := w.clients[full]
		if c == nil || !c.inside {
			w.fail("%s does not know that it is inside", full)
		}
		if c.nick != after.inside[full].Nick {
			w.fail("%s believes to be %q and is %q", full, c.nick, after.inside[full].Nick)
		}
		if want := after.roster(full); !maps.Equal(c.roster, want) {
			w.fail("%s believes %v, but it is %v", full, c.roster, want)
		}
	}
	for full, c := range w.clients {
		if _, inside := after.inside[full]; c.inside && !inside && !w.vanished(full) {
			w.fail("%s believes to be inside and is not", full)
		}
	}
}

// vanished reports whether a session went without being told, as sessions do
// that are gone; it is forgotten then.
func (w *world) vanished(full string) bool {
	for i := len(w.log) - 1; i >= 0; i-- {
		// A puppet may bear the same address, and goes in another way.
		if b, ok := w.log[i].Body.(*muc.Left); ok && b.JID.String() == full && b.How == muc.DepartureVanished {
			delete(w.clients, full)
			return true
		}
	}
	return false
}
