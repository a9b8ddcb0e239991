package proptest

import (
	"strings"

	"github.com/gomuc/muc"
)

// checkEntry: whoever enters is told of the others, of himself, of the past and of
// the subject, in this order (XEP-0045 §7.1).
func (w *world) checkEntry(fx muc.Effects) {
	for _, ev := range fx.Events {
		b, ok := ev.Body.(*muc.Joined)
		if !ok || b.Session == 0 {
			continue
		}
		stage, last := 0, ""
		for _, out := range fx.Outbound {
			for _, to := range out.To() {
				if to != b.JID || stage == 3 {
					continue // what comes after the subject is live
				}
				text := string(out.AppendXML(nil, to, ""))
				now := stageOf(text)
				if now < stage {
					w.fail("%s got\n%s\nafter\n%s", to, text, last)
				}
				stage, last = now, text
			}
		}
		if stage != 3 {
			w.fail("the entry of %s did not end with the subject: %s", b.JID, last)
		}
	}
}

// stageOf is where a stanza belongs in an entry: 0 others, 1 self, 2 the past, 3
// the subject.
func stageOf(text string) int {
	switch {
	case strings.HasPrefix(text, "<presence") && strings.Contains(text, "<status code='110'/>"):
		return 1
	case strings.HasPrefix(text, "<presence"):
		return 0
	case strings.Contains(text, "<subject"):
		return 3
	}
	return 2
}

// checkLimits: what people can make a room hold has bounds.
func (w *world) checkLimits(after *truth) {
	lim := &w.cfg.Limits
	if n := len(after.occupants); n > lim.Occupants+lim.AdminReserve {
		w.fail("%d occupants", n)
	}
	for i := range after.occupants {
		if n := len(after.occupants[i].Sessions); n > lim.SessionsPerNick {
			w.fail("%d sessions under one nick", n)
		}
	}
	if n := len(after.affs); n > lim.Affiliations {
		w.fail("%d affiliations", n)
	}
}
