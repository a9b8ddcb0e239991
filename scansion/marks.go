package scansion

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Level is how strongly a specification asks for something.
type Level int

// The levels, the weakest first. Choice is what no specification asks for: a choice
// of the library that the script was written for.
const (
	Choice Level = iota
	May
	Should
	Must
)

var levelNames = [...]string{Choice: "choice", May: "MAY", Should: "SHOULD", Must: "MUST"}

// String is the level as header lines have it.
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// MarshalText and [Level.UnmarshalText] let a Level be text in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (l *Level) UnmarshalText(text []byte) error {
	for level, name := range levelNames {
		if string(text) == name {
			*l = Level(level)
			return nil
		}
	}
	return fmt.Errorf("no level %q: it is MUST, SHOULD, MAY or choice", text)
}

// baseDocument is the one whose sections are written without its name.
const baseDocument = "XEP-0045"

// Mark is what a script, or a part of it, asks of a service: a line
// `# asks: MUST §7.2.2 "…"`, with the sentence of the specification, or
// `# asks: choice: …`, with what was chosen; `# asks: choice XEP-0425: …` if that is of use
// only to those who have the other specification.
type Mark struct {
	Level Level `json:"level"`
	// Document and Section are where the sentence stands, as XEP-0045 and 7.2.2; a choice
	// has no section, and a document only if it is not about XEP-0045 alone.
	Document string `json:"document,omitempty"`
	Section  string `json:"section,omitempty"`
	// Sentence is a sentence of the specification, or the part of it that matters. Of a
	// choice it is what was chosen.
	Sentence string `json:"sentence"`
}

// Where is the place of the sentence, as §7.2.2 or XEP-0421 §4.
func (m Mark) Where() string {
	switch {
	case m.Level == Choice:
		return m.Document
	case m.Document == baseDocument:
		return "§" + m.Section
	}
	return m.Document + " §" + m.Section
}

// String is the mark as a header line has it.
func (m Mark) String() string {
	if m.Level == Choice {
		return strings.TrimSpace("choice "+m.Document) + ": " + m.Sentence
	}
	return fmt.Sprintf(`%s %s "%s"`, m.Level, m.Where(), m.Sentence)
}

var markLine = regexp.MustCompile(`^(MUST|SHOULD|MAY) (?:(XEP-[0-9]{4}) )?§([0-9]+(?:\.[0-9]+)*) "(.+)"$`)

var choiceLine = regexp.MustCompile(`^choice(?: (XEP-[0-9]{4}))?: +(.+)$`)

// maxSentence is how many characters of a sentence a mark holds.
const maxSentence = 120

// parseAsks reads what stands behind `# asks:`.
func parseAsks(text string) (Mark, error) {
	if parts := choiceLine.FindStringSubmatch(text); parts != nil {
		return Mark{Level: Choice, Document: parts[1], Sentence: parts[2]}, nil
	}
	parts := markLine.FindStringSubmatch(text)
	if parts == nil {
		return Mark{}, fmt.Errorf(`asks: expected MUST, SHOULD or MAY with a section and a sentence, as in MUST §7.2.2 "…", or choice: and what was chosen, got %q`, text)
	}
	m := Mark{Document: parts[2], Section: parts[3], Sentence: parts[4]}
	if m.Document == "" {
		m.Document = baseDocument
	}
	if len([]rune(m.Sentence)) > maxSentence {
		return Mark{}, fmt.Errorf("asks: the sentence has more than %d characters", maxSentence)
	}
	return m, m.Level.UnmarshalText([]byte(parts[1]))
}

// asks takes the marks out of the comments above an action.
func (p *parser) asks(a *action) error {
	for _, text := range a.comment {
		value, ok := asksLine(text)
		if !ok {
			continue
		}
		if p.above != nil {
			return p.fail(a.line, "asks: belongs in the script that includes this file")
		}
		mark, err := parseAsks(value)
		if err != nil {
			return p.fail(a.line, "%v", err)
		}
		a.asks = append(a.asks, mark)
	}
	return nil
}

// noAsks refuses a mark where it would hold for nothing.
func (p *parser) noAsks(comments []string, where string) error {
	for _, text := range comments {
		if _, ok := asksLine(text); ok {
			return p.fail(p.at, "asks: stands above an action, not %s", where)
		}
	}
	return nil
}

// asksLine is what a comment `asks: …` says.
func asksLine(text string) (value string, ok bool) {
	m := headerLine.FindStringSubmatch(text)
	if m == nil || m[1] != "asks" {
		return "", false
	}
	return strings.TrimSpace(m[2]), true
}

// Marks are all that the script asks for, in header lines and above actions, each once.
func (s *Script) Marks() []Mark {
	all := slices.Clone(s.Asks)
	for i := range s.actions {
		for _, m := range s.actions[i].asks {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}
