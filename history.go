package muc

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Discussion history (XEP-0045 §7.2.13, §7.2.14).

// docOf renders a message that was just said, and caches the bytes with its entry.
func (r *Room) docOf(m *event.Message) *splice.Stanza {
	for _, list := range [...][]state.Entry{r.st.Archived(), r.st.Unarchived()} {
		if n := len(list); n > 0 && list[n-1].Message() == m {
			return r.entryDoc(&list[n-1])
		}
	}
	return r.renderMessage(m)
}

func (r *Room) entryDoc(e *state.Entry) *splice.Stanza {
	if e.Cache().Doc == nil {
		e.Cache().Doc = r.renderMessage(r.seenNow(e.Message()))
	}
	return e.Cache().Doc
}

// historyRequest is how much history a client asks for (XEP-0045 §7.2.14). Negative values
// are not given.
type historyRequest struct {
	maxchars, maxstanzas, seconds int
	since                         time.Time
}

// parseHistoryRequest reads <history/>. A malformed value counts as not given.
func parseHistoryRequest(x *xmlwire.Node) historyRequest {
	q := historyRequest{maxchars: -1, maxstanzas: -1, seconds: -1}
	h := x.Child(ns.MUC, "history")
	if h == nil {
		return q
	}
	number := func(name string) int {
		n, err := strconv.Atoi(h.AttrOr(name, ""))
		if err != nil || n < 0 {
			return -1
		}
		return n
	}
	q.maxchars, q.maxstanzas, q.seconds = number("maxchars"), number("maxstanzas"), number("seconds")
	if at, err := time.Parse(time.RFC3339Nano, h.AttrOr("since", "")); err == nil {
		q.since = at
	}
	return q
}

// past selects the messages that a newcomer is shown, oldest first: as many as the room's
// length and all limits of the request allow.
func (r *Room) past(q historyRequest, now time.Time, reader JID) []*state.Entry {
	limit := r.st.Config().HistoryLength()
	if q.maxstanzas >= 0 {
		limit = min(limit, q.maxstanzas)
	}
	archived, kept := r.st.Archived(), r.st.Unarchived()
	a, k := len(archived), len(kept) // what is left of them
	picked := make([]*state.Entry, 0, min(limit, a+k))
	chars := 0
	for len(picked) < limit && a+k > 0 {
		var e *state.Entry
		if k == 0 || a > 0 && kept[k-1].Before(&archived[a-1]) {
			a--
			e = &archived[a]
		} else {
			k--
			e = &kept[k]
		}
		if q.seconds >= 0 && e.At().Before(now.Add(-time.Duration(min(int64(q.seconds), 1<<31))*time.Second)) ||
			!q.since.IsZero() && e.At().Before(q.since) {
			break
		}
		if q.maxchars >= 0 {
			// The whole stanza counts, as the newcomer would get it.
			if chars += utf8.RuneCount(r.entryDoc(e).AppendXML(nil, reader, r.late(e), splice.None, "")); chars > q.maxchars {
				break
			}
		}
		picked = append(picked, e)
	}
	slices.Reverse(picked)
	return picked
}

// late is the delay of a remembered message, from the room (XEP-0203; XEP-0045 §7.2.13).
func (r *Room) late(e *state.Entry) *splice.Extra {
	if e.Cache().Late == nil {
		w := xmlwire.Writer{}
		w.Start("delay", ns.Delay)
		address(&w, "from", r.jid)
		w.Attr("stamp", e.At().Format(event.TimeFormat))
		w.End()
		e.Cache().Late = &splice.Extra{Tail: string(w.Bytes)}
	}
	return e.Cache().Late
}

// renderHistory sends the history to a newcomer.
func (t *step) renderHistory(to []JID, q historyRequest) {
	for _, e := range t.r.past(q, t.now, to[0]) {
		t.send(to, t.r.entryDoc(e), splice.None, t.r.late(e))
	}
}

// keepsMessages reports whether messages stay where those who may enter can read them: in a
// public log, or in the archive.
func keepsMessages(c *RoomConfig, archive bool) bool { return c.Logging || archive && !c.NoArchive }
