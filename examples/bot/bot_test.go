package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
)

// tested is a room under test with the bot in it: what somebody's act brings, the bot hears,
// and what it wants is the next act.
type tested struct {
	*muctest.Room
	bot Bot
}

func newTested(t *testing.T) *tested {
	r := &tested{Room: muctest.New(t, muc.Config{Instant: true, Policy: rules})}
	for _, cmd := range beginning {
		r.Do(cmd)
	}
	return r
}

// hears has the bot hear what an act has brought, and do what it wants.
func (r *tested) hears(fx muc.Effects) {
	for ev := range fx.Events() {
		if line, ok := lineOf(ev); ok {
			r.does(r.bot.Hears(line))
		}
	}
}

func (r *tested) does(acts []Act) {
	for _, act := range acts {
		if cmd, asBot := act.command(); asBot {
			r.DoAs(botJID.Bare(), cmd)
		} else {
			r.Do(cmd)
		}
	}
}

func bot(text string) muctest.Want { return muctest.Message(text).From(botNick) }

// Everybody has one voice, whatever nick they use and with however many clients; who says
// another thing later has changed its mind.
func TestVote(t *testing.T) {
	r := newTested(t)
	romeo, juliet := r.Join("romeo@example.org/pc", "Romeo"), r.Join("juliet@example.org/pc", "Juliet")
	r.hears(romeo.Says("!yes"))
	juliet.ReceivesOnly(bot("There is no vote. !vote QUESTION begins one."))
	r.hears(romeo.Says("!vote Shall we?"))
	juliet.ReceivesOnly(bot("Romeo asks: Shall we? Say !yes or !no within 5 minutes."))
	r.hears(juliet.Says("!vote Who pays?"))
	romeo.ReceivesOnly(bot("There is a vote already: Shall we?"))

	for _, text := range []string{"!yes", "!no", "!yes"} {
		r.hears(juliet.Says(text))
	}
	juliet.Sends("<presence to='cellar@chat.example/Capulet'/>")
	r.hears(juliet.Says("!yes"))
	require.Len(t, r.bot.vote.voices, 1)
	second := r.Join("juliet@example.org/phone", "Capulet")
	r.hears(romeo.Says("!no"))
	r.hears(second.Says("!yes"))
	r.hears(romeo.Says(" !count "))
	juliet.ReceivesOnly(bot("Shall we? 1 yes, 1 no."))

	r.hears(juliet.Says("!end"))
	romeo.ReceivesOnly(bot("Only who began the vote ends it."))
	r.hears(romeo.Says("!end"))
	juliet.ReceivesOnly(bot("The vote has ended. Shall we? 1 yes, 1 no."))
	r.hears(romeo.Says("!end"))
	juliet.ReceivesOnly(bot("There is no vote. !vote QUESTION begins one."))
	r.hears(romeo.Says("hello"))
	juliet.ReceivesOnly(muctest.Message("hello"))
}

// A voice that only the bot hears counts, and nobody else learns of it.
func TestSecretVote(t *testing.T) {
	r := newTested(t)
	romeo, juliet := r.Join("romeo@example.org/pc", "Romeo"), r.Join("juliet@example.org/pc", "Juliet")
	r.hears(juliet.Whispers(botNick, "!vote Shall we?"))
	juliet.ReceivesOnly(muctest.Private("Everybody must hear a question.").From(botNick))
	r.hears(romeo.Says("!vote Shall we?"))
	r.hears(juliet.Whispers(botNick, "!no"))
	juliet.ReceivesOnly(muctest.Private("It is counted.").From(botNick))
	romeo.ReceivesNothing()
	r.hears(juliet.Whispers(botNick, "!help"))
	juliet.ReceivesOnly(muctest.Private(help).From(botNick))
	r.hears(juliet.Whispers("Romeo", "!yes")) // which is not for the bot
	for range maxRepeats {                    // which puts nobody out: nobody else is bothered
		r.hears(juliet.Whispers(botNick, "!count"))
		juliet.ReceivesOnly(muctest.Private("Shall we? 0 yes, 1 no.").From(botNick))
	}
	nurse := muc.MustParseJID("nurse@irc.example")
	r.Do(muc.Join{JID: nurse, Nick: "Nurse"}) // another puppet
	r.hears(juliet.Whispers("Nurse", "!yes"))
	juliet.ReceivesNothing()
}

// A vote ends by itself, when it is due and not before.
func TestVoteEnds(t *testing.T) {
	r := newTested(t)
	romeo := r.Join("romeo@example.org/pc", "Romeo")
	assert.Zero(t, r.bot.Deadline())
	r.hears(romeo.Says("!vote Shall we?"))
	assert.Equal(t, r.Now.Add(5*time.Minute), r.bot.Deadline())
	r.Advance(5*time.Minute - time.Second)
	assert.Empty(t, r.bot.Tick(r.Now))
	r.Advance(time.Second)
	r.does(r.bot.Tick(r.Now))
	romeo.ReceivesOnly(bot("The vote has ended. Shall we? 0 yes, 0 no."))
	assert.Zero(t, r.bot.Deadline())

	r.hears(romeo.Says("!vote Again?"))
	r.Advance(time.Hour)
	r.hears(romeo.Says("!yes"))
	romeo.ReceivesOnly(bot("There is no vote. !vote QUESTION begins one."))
}

// Who says the same again and again is put out by the bot; owners are not, because it is an
// admin and the room judges it as one.
func TestRepeats(t *testing.T) {
	r := newTested(t)
	romeo, tybalt := r.Join("romeo@example.org/pc", "Romeo"), r.Join("tybalt@example.org/pc", "Tybalt")
	r.hears(tybalt.Says("peace?"))
	r.hears(tybalt.Says("peace?"))
	r.hears(romeo.Says("peace?"))
	r.hears(tybalt.Says("peace?"))
	r.hears(tybalt.Says("peace?"))
	romeo.ReceivesOnly(muctest.Message("peace?").From("Tybalt"))
	r.hears(tybalt.Says("peace?"))
	romeo.ReceivesOnly(muctest.Unavailable("Tybalt").Status(307).Actor(botNick).Reason("saying the same again and again"))

	for range maxRepeats - 1 {
		r.hears(romeo.Says("peace!"))
	}
	acts := r.bot.Hears(Line{At: r.Now, Nick: "Romeo", Person: r.bot.last.person, Text: "peace!"})
	require.Len(t, acts, 1)
	cmd, asBot := acts[0].command()
	require.True(t, asBot)
	r.RefusesAs(botJID.Bare(), &muc.StanzaError{Condition: "not-allowed"}, cmd)
	assert.True(t, mayNot(&muc.StanzaError{}) && mayNot(muc.ErrNotFound) && !mayNot(muc.ErrNotOpen) && !mayNot(nil))
}

// What the host's rule refuses nobody hears, the bot neither.
func TestCurses(t *testing.T) {
	r := newTested(t)
	romeo, tybalt := r.Join("romeo@example.org/pc", "Romeo"), r.Join("tybalt@example.org/pc", "Tybalt")
	for range maxRepeats + 1 {
		r.hears(tybalt.Says("A PLAGUE on both your houses!"))
		tybalt.IsRefused("not-acceptable")
		romeo.ReceivesNothing()
	}
	r.hears(tybalt.Says("peace"))
	romeo.ReceivesOnly(muctest.Message("peace"))
}

// However many there are and however much they say, the bot keeps little of it.
func TestBotIsBounded(t *testing.T) {
	var b Bot
	say := func(person, text string) []Act { return b.Hears(Line{Nick: person, Person: person, Text: text}) }
	for _, question := range []string{"", "  ", strings.Repeat("x", maxQuestion+1)} {
		assert.Equal(t, []Act{{Text: "A question has 1 to 200 bytes."}}, say("a", "!vote "+question))
	}
	say("a", "!vote "+strings.Repeat("x", maxQuestion))
	for i := range maxVoters {
		require.Empty(t, say(fmt.Sprint(i), "!yes"))
	}
	assert.Equal(t, []Act{{Text: "No more voices are counted."}}, say("one more", "!yes"))
	assert.Empty(t, say("0", "!no"), "who has a voice may change its mind")
	assert.Len(t, b.vote.voices, maxVoters)
}

// People of another network are seen and put out like anybody else, and are told.
func TestBridge(t *testing.T) {
	r := newTested(t)
	b := Bridge{Domain: "irc.example"}
	romeo := r.Join("romeo@example.org/pc", "Romeo")
	hears := func(fx muc.Effects) (lines []string) {
		for ev := range fx.Events() {
			if line := b.Hears(ev); line != "" {
				lines = append(lines, line)
			}
		}
		return lines
	}
	enter, err := b.Enter("Mercutio")
	require.NoError(t, err)
	assert.Empty(t, hears(r.Do(enter)))
	romeo.ReceivesOnly(muctest.Presence("Mercutio (irc.example)").JID("mercutio@irc.example/Mercutio (irc.example)"))
	assert.Empty(t, hears(r.Do(b.Speak("Mercutio", "I am for it!"))), "they know what they have said")
	romeo.ReceivesOnly(muctest.Message("I am for it!").From("Mercutio (irc.example)"))

	assert.Equal(t, []string{"<Romeo> hello QUIT"}, hears(romeo.Says("hello\r\nQUIT")), "one line is one line")
	assert.Equal(t, []string{"<Romeo to Mercutio (irc.example)> psst"}, hears(romeo.Whispers("Mercutio (irc.example)", "psst")))
	assert.Empty(t, hears(romeo.Whispers(botNick, "psst")))
	assert.Empty(t, hears(romeo.Sends("<message type='groupchat' to='cellar@chat.example'><active xmlns='http://jabber.org/protocol/chatstates'/></message>")))

	assert.Equal(t, []string{"* Mercutio (irc.example) was put out: duel"},
		hears(r.DoAs(romeo.JID, muc.Kick{Nick: "Mercutio (irc.example)", Reason: "duel"})))
	assert.Empty(t, hears(r.Do(muc.SetAffiliation{JID: muc.MustParseJID("nurse@example.org"), Affiliation: muc.Outcast})))
	r.Refuses(muc.ErrNotFound, b.Speak("Mercutio", "I am gone"))

	hears(r.Do(enter))
	assert.Empty(t, hears(r.Do(b.Exit("Mercutio"))))
	r.Join("x@example.org/pc", "Mercutio (irc.example)")
	assert.Len(t, hears(r.Client("x@example.org/pc").Says("I only have the nick")), 1)
	own := r.Client("clerk@irc.example/pc") // an ordinary client of that domain
	assert.Empty(t, hears(own.Joins("Clerk")))
	assert.Len(t, hears(own.Says("hello")), 1)
	_, err = b.Enter("no@name")
	assert.Error(t, err)
}
