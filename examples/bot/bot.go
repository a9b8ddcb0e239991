package main

import (
	"fmt"
	"strings"
	"time"
)

// Bot counts votes and puts out who says the same again and again. It is a pure state
// machine: it is told what was said and what time it is, and returns what it does. It does
// not know whether it lives in the room, beside it, or in a client: see inroom.go,
// inservice.go and asclient.go.
//
// What it keeps is bounded: one vote, with one voice for each of maxVoters people, and one
// line.
type Bot struct {
	vote *vote
	// last is who spoke last, and how often in a row the same.
	last struct {
		person, text string
		times        int
	}
}

const (
	voteTime    = 5 * time.Minute
	maxVoters   = 1000
	maxQuestion = 200 // bytes
	maxRepeats  = 3
)

type vote struct {
	question, starter string
	ends              time.Time
	voices            map[string]bool // by person
}

// Line is something that was said.
type Line struct {
	At   time.Time
	Nick string
	// Person is the same whatever nick somebody uses: the occupant-id (XEP-0421).
	Person string
	Text   string
	// Private: only the bot heard it.
	Private bool
}

// Act is something that the bot does.
type Act struct {
	// To is the nick of the one whom it is for; empty means everybody.
	To string
	// Text is what it says, or why it puts To out.
	Text string
	// Kick puts To out of the room.
	Kick bool
}

const help = "!vote QUESTION begins a vote, !yes and !no are counted, also when only I hear them, " +
	"!count tells how it stands, !end ends it for who began it."

// Hears is told a line, and returns what the bot does about it.
func (b *Bot) Hears(l Line) []Act {
	acts := b.Tick(l.At)
	if !l.Private && b.repeats(l) {
		return append(acts, Act{To: l.Nick, Text: "saying the same again and again", Kick: true})
	}
	command, rest, _ := strings.Cut(strings.TrimSpace(l.Text), " ")
	if text := b.obeys(l, command, strings.TrimSpace(rest)); text != "" {
		to := ""
		if l.Private {
			to = l.Nick
		}
		acts = append(acts, Act{To: to, Text: text})
	}
	return acts
}

// obeys does what a command says, and returns the answer.
func (b *Bot) obeys(l Line, command, rest string) string {
	switch command {
	case "!help":
		return help
	case "!vote":
		return b.begin(l, rest)
	case "!yes", "!no", "!count", "!end":
		if b.vote == nil {
			return "There is no vote. !vote QUESTION begins one."
		}
	default:
		return ""
	}
	switch v := b.vote; {
	case command == "!count":
		return v.String()
	case command == "!end" && l.Person != v.starter:
		return "Only who began the vote ends it."
	case command == "!end":
		return b.end()
	default:
		return v.counts(l, command == "!yes")
	}
}

func (b *Bot) begin(l Line, question string) string {
	switch {
	case l.Private:
		return "Everybody must hear a question."
	case b.vote != nil:
		return "There is a vote already: " + b.vote.question
	case question == "" || len(question) > maxQuestion:
		return fmt.Sprintf("A question has 1 to %d bytes.", maxQuestion)
	}
	b.vote = &vote{question, l.Person, l.At.Add(voteTime), map[string]bool{}}
	return fmt.Sprintf("%s asks: %s Say !yes or !no within %.0f minutes.", l.Nick, question, voteTime.Minutes())
}

// counts counts a voice; who says another thing later has changed its mind.
func (v *vote) counts(l Line, yes bool) string {
	if _, known := v.voices[l.Person]; !known && len(v.voices) == maxVoters {
		return "No more voices are counted."
	}
	v.voices[l.Person] = yes
	if l.Private {
		return "It is counted."
	}
	return ""
}

func (v *vote) String() string {
	yes := 0
	for _, y := range v.voices {
		if y {
			yes++
		}
	}
	return fmt.Sprintf("%s %d yes, %d no.", v.question, yes, len(v.voices)-yes)
}

func (b *Bot) end() string {
	text := "The vote has ended. " + b.vote.String()
	b.vote = nil
	return text
}

// repeats tells whether somebody has said the same once too often.
func (b *Bot) repeats(l Line) bool {
	if l.Person != b.last.person || l.Text != b.last.text {
		b.last.person, b.last.text, b.last.times = l.Person, l.Text, 0
	}
	b.last.times++
	return b.last.times >= maxRepeats
}

// Deadline is when Tick has something to do, zero for never.
func (b *Bot) Deadline() time.Time {
	if b.vote == nil {
		return time.Time{}
	}
	return b.vote.ends
}

// Tick does what is due.
func (b *Bot) Tick(now time.Time) []Act {
	if b.vote == nil || now.Before(b.vote.ends) {
		return nil
	}
	return []Act{{Text: b.end()}}
}
