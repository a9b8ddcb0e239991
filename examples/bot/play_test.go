package main

import (
	"context"
	"errors"
	"log"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/scansion"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// An evening, as Romeo hears it, with what is said to one alone, and what people on the
// other network hear.
func Example() {
	if err := play("room", strings.NewReader(evening), os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// irc| <Romeo> !vote Shall we go to the feast?
	// irc| <Bot> Romeo asks: Shall we go to the feast? Say !yes or !no within 5 minutes.
	// Romeo: !vote Shall we go to the feast?
	// Bot: Romeo asks: Shall we go to the feast? Say !yes or !no within 5 minutes.
	//   (Bot to juliet: It is counted.)
	// irc| <Tybalt> !no
	// Tybalt: !no
	// irc| <Benvolio> !yes
	// Benvolio: !yes
	// irc| <Romeo> !count
	// irc| <Bot> Shall we go to the feast? 2 yes, 1 no.
	// Romeo: !count
	// Bot: Shall we go to the feast? 2 yes, 1 no.
	//   (tybalt is told: Nobody curses here.)
	// irc| <Tybalt> peace?
	// Tybalt: peace?
	// irc| <Tybalt> peace?
	// Tybalt: peace?
	// irc| <Tybalt> peace?
	// Tybalt: peace?
	// * Bot puts Tybalt out: saying the same again and again
	// Mercutio (irc.example): I am for it!
	// irc| <Juliet> Good night, Mercutio.
	// Juliet: Good night, Mercutio.
	// irc| <Romeo> !end
	// irc| <Bot> The vote has ended. Shall we go to the feast? 2 yes, 1 no.
	// Romeo: !end
	// Bot: The vote has ended. Shall we go to the feast? 2 yes, 1 no.
}

// heard plays the evening, and returns what those in the room hear and what those of the
// other network do.
func heard(t *testing.T, as string) (room, network []string) {
	t.Helper()
	var out strings.Builder
	require.NoError(t, play(as, strings.NewReader(evening), &out))
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "irc| ") {
			network = append(network, line)
		} else {
			room = append(room, line)
		}
	}
	return room, network
}

// Beside a service the bot is what it is in a room. As a client it is the same to those whom
// it answers, but can neither judge what is said before it is heard, nor bring others in.
func TestPlacesCompared(t *testing.T) {
	room, network := heard(t, "room")
	beside, told := heard(t, "service")
	assert.Equal(t, room, beside)
	assert.Equal(t, append(network, "irc| * Mercutio (irc.example) was put out: the evening is over"), told, "the service has ended")
	var want []string
	for _, line := range room {
		switch line {
		case "(tybalt is told: Nobody curses here.)":
			line = "Tybalt: A plague on your houses!"
		case "Mercutio (irc.example): I am for it!":
			line = "(a client cannot bring Mercutio in)"
		}
		want = append(want, line)
	}
	client, told := heard(t, "client")
	assert.Equal(t, want, client)
	assert.Empty(t, told)
}

func TestLinesOfTheProgram(t *testing.T) {
	var out strings.Builder
	require.NoError(t, play("room", strings.NewReader("hello\nRomeo: <&>\n"), &out))
	assert.Equal(t, "a line is NAME: TEXT, NAME to NICK: TEXT, or NAME on irc: TEXT\nirc| <Romeo> <&>\nRomeo: <&>\n", out.String())
	assert.EqualError(t, play("cat", strings.NewReader(""), &out), "-as cat: it is room, service or client")
	assert.Error(t, play("room", strings.NewReader("@: hello"), &out))
	assert.Error(t, play("room", strings.NewReader("@ on irc: hello"), &out))
	assert.Error(t, play("service", strings.NewReader("@ on irc: hello"), &out))
}

// Scripts test the bot too: it hears what each step of the room brings, and the line
// `host: bot` is the next thing that it does.
func TestScripts(t *testing.T) {
	files, err := scansion.Files("testdata")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		var b Bot
		var acts []Act
		scansion.RunOptions(t, scansion.Options{
			Config: muc.Config{Policy: rules}, Mode: scansion.Exact, CheckReplay: true,
			Observe: func(_ muc.JID, fx muc.Effects) {
				for ev := range fx.Events() {
					if line, ok := lineOf(ev); ok {
						acts = append(acts, b.Hears(line)...)
					}
				}
			},
			Commands: map[string]scansion.Command{"bot": func(map[string]string) (muc.Command, error) {
				if len(acts) == 0 {
					return nil, errors.New("the bot has nothing to do")
				}
				cmd, _ := acts[0].command()
				acts = acts[1:]
				return cmd, nil
			}},
		}, file)
		assert.Empty(t, acts, file)
	}
}

// text is all that was written so far.
func (w *witness) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.(*strings.Builder).String()
}

// The room is there again after a restart, of what its host has stored, and so is the bot.
func TestInRoomRestored(t *testing.T) {
	now := time.Unix(2e9, 0)
	h, err := newInRoom(now, func(string) {})
	require.NoError(t, err)
	again, err := muc.Restore(muc.Config{Room: cellar, Secret: secret, Policy: rules}, nil, h.store)
	require.NoError(t, err)
	h.room = again
	sent, err := h.Do(now, beginning[2])
	require.NoError(t, err)
	assert.Empty(t, sent, "nobody is inside but the bot")
	var inside []string
	for o := range again.Occupants() {
		inside = append(inside, o.Nick+" "+o.Role.String())
	}
	assert.Equal(t, []string{"Bot moderator"}, inside)
}

// What is due is done, of the bot as of the room.
func TestInRoomTick(t *testing.T) {
	h, err := newInRoom(time.Now(), func(string) {})
	require.NoError(t, err)
	w := &witness{of: muc.MustParseJID("romeo@example.org/pc"), out: new(strings.Builder)}
	p := &roomPlace{h, w}
	require.NoError(t, line(p, w, map[string]bool{}, "Romeo: !vote Shall we?"))
	sent, err := h.Tick(time.Now())
	require.NoError(t, err)
	require.NoError(t, p.tell(sent, nil))
	assert.NotContains(t, w.text(), "has ended")
	sent, err = h.Tick(time.Now().Add(voteTime))
	require.NoError(t, err)
	require.NoError(t, p.tell(sent, nil))
	assert.Contains(t, w.text(), "Bot: The vote has ended. Shall we? 0 yes, 0 no.\n")
}

// What the bot may not do, such as putting an owner out, ends nothing.
func TestInRoomMayNot(t *testing.T) {
	var out strings.Builder
	require.NoError(t, play("room", strings.NewReader(strings.Repeat("Romeo: peace!\n", maxRepeats)+"Romeo: !help\n"), &out))
	assert.Equal(t, maxRepeats, strings.Count(out.String(), "\nRomeo: peace!\n"))
	assert.Contains(t, out.String(), "\nBot: "+help)
	out.Reset()
	require.NoError(t, play("service", strings.NewReader(strings.Repeat("Romeo: peace!\n", maxRepeats)+"Romeo: !help\n"), &out))
	assert.Contains(t, out.String(), "\nBot: "+help)
}

// failing is a store that fails when it is told to.
type failing struct {
	service.Memory
	fails bool
}

func (f *failing) Append(ctx context.Context, batches []service.Batch) error {
	if f.fails {
		f.fails = false
		return errors.New("no space")
	}
	return f.Memory.Append(ctx, batches)
}

// When a room was made again because its store failed, the bot is out like everybody else. It
// comes back when it has something to say.
func TestInServiceComesBack(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store, w := new(failing), &witness{of: muc.MustParseJID("romeo@example.org/pc"), out: new(strings.Builder)}
	p := &servicePlace{w: w, cancel: cancel}
	s, err := newInService(ctx, store, p.deliver, func(string) {})
	require.NoError(t, err)
	p.rooms, p.beside = s.rooms, s
	inside := map[string]bool{}
	require.NoError(t, line(p, w, inside, "Romeo: !vote Shall we?"))
	store.fails = true
	require.ErrorContains(t, line(p, w, inside, "Romeo: does anybody hear me?"), "no space")
	require.NoError(t, line(p, w, map[string]bool{}, "Romeo: !count"))
	assert.Contains(t, w.text(), "Romeo: !count\nBot: Shall we? 0 yes, 0 no.\n")
	require.NoError(t, p.close())
}

// A vote ends beside a service when it is due, though nobody says anything.
func TestInServiceVoteEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &witness{of: muc.MustParseJID("romeo@example.org/pc"), out: new(strings.Builder)}
		p, err := inServicePlace(w)
		require.NoError(t, err)
		require.NoError(t, line(p, w, map[string]bool{}, "Romeo: !vote Shall we?"))
		time.Sleep(voteTime - time.Millisecond)
		synctest.Wait()
		assert.NotContains(t, w.text(), "has ended")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Contains(t, w.text(), "Bot: The vote has ended. Shall we? 0 yes, 0 no.\n")
		require.NoError(t, p.close())
	})
}

// A room does not wait for a bot that is far behind, and what waits for the bot is bounded.
func TestInServiceIsBounded(t *testing.T) {
	w := &witness{of: muc.MustParseJID("romeo@example.org/pc"), out: new(strings.Builder)}
	p, err := inServicePlace(w)
	require.NoError(t, err)
	s := p.(*servicePlace)
	began, stuck := make(chan struct{}), make(chan struct{})
	s.beside.todo <- func() { close(began); <-stuck }
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	send := func(text string) {
		el, err := stanza.Parse([]byte(text), stanza.Stream{})
		require.NoError(t, err)
		require.NoError(t, s.rooms.Handle(ctx, w.of, el))
		require.NoError(t, s.rooms.Read(ctx, cellar, func(*muc.Room) {}))
	}
	send(element("presence", "", cellar.String()+"/Romeo", "", "<x xmlns='http://jabber.org/protocol/muc'/>"))
	for i := range mostLines + 50 {
		send(element("message", "groupchat", cellar.String(), []string{"!help", "!count"}[i%2], ""))
	}
	close(stuck)
	require.NoError(t, s.settle())
	require.NoError(t, p.close())
	assert.Equal(t, mostLines, strings.Count(w.text(), "Bot: "))
}

// asked is the bot as a client, of which the stanzas are kept.
func asked() (c *AsClient, sent *[]*etree.Element) {
	sent = new([]*etree.Element)
	return &AsClient{room: cellar, jid: botJID, send: func(el *etree.Element) { *sent = append(*sent, el) }}, sent
}

// A client must not take for said what was said long ago, elsewhere, by itself, or by nobody;
// nor for two people whom the room does not tell apart.
func TestAsClientReads(t *testing.T) {
	c, sent := asked()
	receives := func(text string) {
		el, err := stanza.Parse([]byte(text), stanza.Stream{})
		require.NoError(t, err)
		c.Receives(time.Unix(2e9, 0), el)
	}
	for _, text := range []string{
		"<message type='groupchat' from='cellar@chat.example/Romeo'><body>!help</body><delay xmlns='urn:xmpp:delay' stamp='2030-01-01T00:00:00Z'/></message>",
		"<message type='groupchat' from='balcony@chat.example/Romeo'><body>!help</body></message>",
		"<message type='groupchat' from='cellar@chat.example'><body>!help</body></message>",
		"<message type='groupchat' from='cellar@chat.example/Bot'><body>!help</body></message>",
		"<message type='groupchat' from='cellar@chat.example/Romeo'><subject>!help</subject></message>",
		"<message type='error' from='cellar@chat.example/Romeo'><body>!help</body></message>",
		"<presence from='cellar@chat.example/Romeo'><status>!help</status></presence>",
		"<message type='chat'><body>!help</body></message>",
	} {
		receives(text)
		assert.Empty(t, *sent, text)
	}
	person := func() string {
		receives("<message type='groupchat' from='cellar@chat.example/Romeo'><body>a</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='x1'/></message>")
		return c.bot.last.person
	}
	assert.Equal(t, "Romeo", person(), "the sender may have written it")
	receives("<iq type='result' from='balcony@chat.example'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:occupant-id:0'/></query></iq>")
	assert.Equal(t, "Romeo", person())
	receives("<iq type='result' from='cellar@chat.example'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:occupant-id:0'/></query></iq>")
	assert.Equal(t, "x1", person())

	receives("<message type='groupchat' from='cellar@chat.example/Romeo'><body>!vote Shall we?</body></message>")
	require.Len(t, *sent, 1)
	c.Tick(time.Unix(2e9, 0).Add(voteTime))
	require.Len(t, *sent, 2)
	assert.Equal(t, "The vote has ended. Shall we? 0 yes, 0 no.", (*sent)[1].SelectElement("body").Text())
}
