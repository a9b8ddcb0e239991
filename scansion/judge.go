package scansion

import (
	"errors"
	"slices"
	"time"
)

// Outcome is what became of a script, or of one of its marks.
type Outcome string

// The outcomes. A mark is unreached if the script ended before it: because what came made
// the rest meaningless, or because it could not be played there.
const (
	Kept      Outcome = "kept"
	Broken    Outcome = "broken"
	Unreached Outcome = "unreached"
)

// Verdict is what [Judge] found.
type Verdict struct {
	Script string `json:"script"`
	Title  string `json:"title"`
	// Skipped is why the script could not be played; "" if it was.
	Skipped string `json:"skipped,omitempty"`
	// Asks are all marks of the script, and what became of each.
	Asks     []Asked   `json:"asks"`
	Findings []Finding `json:"findings,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// Asked is a mark and what became of it.
type Asked struct {
	Mark
	Outcome Outcome `json:"outcome"`
}

// Finding is something that a service did in another way than a script asks.
type Finding struct {
	// Marks are the sentences that are not kept, one or several of a level. Without any it
	// happened in the beginning that scripts share, and the script could not be played.
	Marks []Mark `json:"marks,omitempty"`
	// Where is the file and the line, and Action the line itself.
	Where  string `json:"where"`
	Action string `json:"action"`
	// Reason says in a line what went wrong; the others are as in [Failure].
	Reason      string   `json:"reason"`
	Wanted      string   `json:"wanted,omitempty"`
	Came        string   `json:"came,omitempty"`
	Differences []string `json:"differences,omitempty"`
}

// Judge plays a script in mode [Spec], whatever mode it has itself, and says which of the
// sentences that it asks for are kept. The error is one of the network, and other scripts will
// not fare better, or a [*SyntaxError].
//
// What is done and what comes of it is a round: an action other than `receives` and all
// expectations up to the next one. Within a round each client's stanzas may come in any order,
// but for those of entering (§7.1) and of a change of nick (§7.6). A stanza that nobody expects
// may come if the specification permits it: see extras.
//
// The marks above an action are what it asks: above a `receives` for that stanza alone,
// above another action for its round. Elsewhere the first of the script's own counts, with the
// others of its level. The script goes on if only a stanza is missing that has a mark of its own,
// after a question, which changes nothing, and where an error says something else than expected;
// after any other finding it ends with the round, because what follows would mean something else.
//
// A script about an extension that the rooms there do not advertise is skipped, and so is what
// follows when an owner sets an option that their form does not have.
func Judge(s *Script, o Options) (Verdict, error) {
	o.Mode = Spec
	p, err := newPlayer(s, o)
	if err != nil {
		return Verdict{Script: s.Name, Title: s.Title}, err
	}
	p.mode = Spec
	return newJudge(p).judge()
}

// judge is a script that is played in mode [Spec].
type judge struct {
	*player
	reading reading
	verdict *Verdict
	// round is the action that began the round, nil before the first.
	round *action
	// stops says that the script ends with this round, and at is the action it had come to.
	stops bool
	at    int
	// unmarked is how many expectations of the script's own file and without marks of their own
	// were met, and endedElsewhere that something with marks of its own made it end.
	unmarked       int
	endedElsewhere bool
	// known is the last presence that each client got of each occupant.
	known map[*user]map[string]*node
	// numbers are those of the stanzas in each inbox, in the order in which they came, and
	// came is how many that were.
	numbers map[*user][]int
	came    map[*user]int
	// met are the expectations that were met in this round.
	met []meeting
	// permitted are those of this round that need not be met.
	permitted []meeting
}

// meeting is an expectation that was met.
type meeting struct {
	user   *user
	want   *node
	number int
}

func newJudge(p *player) *judge {
	s := p.script
	return &judge{
		player: p, verdict: &Verdict{Script: s.Name, Title: s.Title},
		known: map[*user]map[string]*node{}, numbers: map[*user][]int{}, came: map[*user]int{},
		reading: reading{asks: s.Marks(), said: sayings(s), loosenings: loosenings, prohibitions: prohibitions},
	}
}

func (j *judge) judge() (Verdict, error) {
	began := time.Now()
	err := j.play()
	j.conclude()
	j.verdict.Seconds = time.Since(began).Seconds()
	if skipped := (*Skipped)(nil); errors.As(err, &skipped) {
		j.verdict.Skipped, err = skipped.Reason, nil
	}
	return *j.verdict, err
}

func (j *judge) play() error {
	j.trace.begin(j.script)
	defer j.stage.end()
	if err := j.stage.begin(); err != nil {
		return err
	}
	if err := j.able(); err != nil {
		return err
	}
	actions := j.actions
	for i := range actions {
		a := &actions[i]
		switch {
		case a.byItself: // what comes is of the round of the question
		case a.verb == verbReceives:
			if err := j.receives(a); err != nil {
				return err
			}
		case a.verb == verbReceivesNothing:
			if err := j.receivesNothing(a); err != nil {
				return err
			}
		default:
			if err := j.endRound(); err != nil || j.stops {
				return err
			}
			j.round, j.met, j.at = a, nil, i
			if err := j.act(a); err != nil {
				return err
			}
		}
		if j.round == nil && j.stops {
			return nil
		}
	}
	j.at = len(actions)
	return j.endRound()
}

// act performs an action. What cannot be done ends the script.
func (j *judge) act(a *action) error {
	j.trace.comment(a.comment)
	err := j.offered(a)
	if err == nil {
		err = j.perform(a)
	}
	var lost *NetworkError
	var skipped *Skipped
	if err == nil || errors.As(err, &lost) || errors.As(err, &skipped) {
		return err
	}
	j.find(a, Finding{Reason: err.Error()})
	j.stops = true
	return nil
}

// marksOf are those that an action, or the round it is in, asks for.
func (j *judge) marksOf(a *action) []Mark {
	switch {
	case len(a.asks) > 0:
		return a.asks
	case a.file != j.script.Name:
		return nil
	case j.round != nil && len(j.round.asks) > 0:
		return j.round.asks
	}
	main := slices.Clone(j.script.Asks)
	return slices.DeleteFunc(main, func(m Mark) bool { return m.Level != main[0].Level })
}

// find notes a finding, with the marks of the action if it has none of its own.
func (j *judge) find(a *action, f Finding) {
	if f.Marks == nil {
		f.Marks = j.marksOf(a)
	}
	j.endedElsewhere = len(a.asks) > 0 || j.round != nil && len(j.round.asks) > 0
	f.Where, f.Action = a.seenFrom(""), a.text
	j.verdict.Findings = append(j.verdict.Findings, f)
	j.trace.note("NOT AS ASKED: " + f.Reason)
}

// optional reports whether a script goes on without what a stanza asks for.
func optional(a *action) bool {
	return len(a.asks) > 0
}
