package scansion

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// tracer prints a conversation for people. A nil one prints nothing.
type tracer struct {
	w io.Writer
	// commented is that a comment was printed last, for what follows.
	commented bool
}

func newTracer(w io.Writer) *tracer {
	if w == nil {
		return nil
	}
	return &tracer{w: w}
}

func (t *tracer) printf(format string, args ...any) {
	if t != nil {
		// A trace that cannot be written is no reason to fail a script.
		_, _ = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *tracer) begin(s *Script) {
	title := s.Name
	if s.Title != "" {
		title += "\n    " + s.Title
	}
	t.printf("=== %s", title)
}

// comment prints what stands above an action in the script.
func (t *tracer) comment(lines []string) {
	if t == nil || len(lines) == 0 {
		return
	}
	t.printf("\n# %s", strings.Join(lines, "\n# "))
	t.commented = true
}

func (t *tracer) action(now time.Time, text string) {
	if t == nil {
		return
	}
	if !t.commented {
		t.printf("")
	}
	t.commented = false
	t.printf("%s %s", now.Format(time.TimeOnly), text)
}

func (t *tracer) note(text string) { t.printf("  (%s)", text) }

func (t *tracer) tick(now time.Time, room muc.JID) {
	t.action(now, "the deadline of "+room.String())
}

func (t *tracer) sent(el *etree.Element) {
	if t == nil {
		return
	}
	if n, err := fromElement(el); err == nil {
		t.printf("%s", n.format("    "))
	}
}

// effects prints what is not sent: events, refusals and asks.
func (t *tracer) effects(fx muc.Effects) {
	if t == nil {
		return
	}
	for e := range fx.Events() {
		kind := "event"
		if !e.Durable() {
			kind = "event (volatile)"
		}
		t.printf("  %s\n%s", kind, wrap(asJSON(e), "    "))
	}
	if fx.Refused != nil {
		t.printf("  refused: %s", fx.Refused.Error())
	}
	for _, ask := range fx.Questions {
		t.printf("  asks the host\n%s", wrap(asJSON(ask), "    "))
	}
}

// unescaped makes the characters of XML readable again that encoding/json
// escapes. An escaped backslash comes first, so that what follows it stays.
var unescaped = strings.NewReplacer(`\\`, `\\`, `\u003c`, "<", `\u003e`, ">", `\u0026`, "&")

// asJSON is a value on one line, for people.
func asJSON(v any) string {
	src, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return unescaped.Replace(string(src))
}

// posted prints a stanza once, however many get it.
func (t *tracer) posted(from string, readers []string, stanza *node) {
	if t == nil {
		return
	}
	t.printf("%s\n%s", wrap(from+" -> "+strings.Join(readers, ", "), "  "), stanza.format("    "))
}

// passedOn prints who gets what was sent last, unchanged.
func (t *tracer) passedOn(reader string) { t.printf("  -> %s", reader) }

func (t *tracer) state(room muc.JID, state muc.State) {
	t.printf("  %s is %s now", room, state)
}
