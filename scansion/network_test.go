package scansion

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// notOnWire are why a script of the project cannot be played over the network, even against a
// server whose host has the settings that it asks for.
var notOnWire = regexp.MustCompile(`^(it lets \S+ pass` +
	`|no stanza does what the host does: (say|join|rename|leave|shutdown|forget|kick-blocked|set-vcard|invite|set-subject|moderate|decide-registration|create-hat)` +
	`|the host answers a question of the room` +
	`|the host does something in the name of a person, not of a client` +
	`|a client answers for its account, as a server does by itself` +
	`|it is about a whole domain, and all accounts are on one` +
	`|several connections break at once, in no order` +
	`|the host takes its time to answer from the archive` +
	`|it needs a host's setting: [a-z-]+=\S+\.(example|lit)` + // an address, and clients have others
	`|the server refuses to have the room set up: (not-allowed|policy-violation))$`)

// patience is how long a test waits for what must come; nothing takes as long.
const patience = 5 * time.Minute

// The project's scripts are as true over a network as in process, with a server that has the
// settings they ask for.
func TestScriptsOverNetwork(t *testing.T) {
	files, err := Files("../testdata")
	require.NoError(t, err)
	var played atomic.Int64
	t.Run("scripts", func(t *testing.T) {
		for _, file := range files {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				script, err := ParseFile(file)
				require.NoError(t, err)
				cfg, err := configure(script, Options{})
				require.NoError(t, err)
				server := newMemoryServer(t, cfg)
				err = Play(script, Options{
					Mode: Exact, Dial: server.dial, Network: Network{Rooms: memoryRooms, Settings: script.HeaderAll("config"),
						Wait: patience, Late: 50 * time.Millisecond, Script: patience},
				})
				if skipped := (*Skipped)(nil); errors.As(err, &skipped) {
					assert.Regexp(t, notOnWire, skipped.Reason)
					return
				}
				require.NoError(t, err)
				played.Add(1)
			})
		}
	})
	assert.Greater(t, played.Load(), int64(240))
}

// overNetwork plays a script against a server of its own.
func overNetwork(t *testing.T, s *memoryServer, src string, change func(*Options)) error {
	t.Helper()
	script, err := Parse("net.scs", []byte(src))
	require.NoError(t, err)
	o := Options{Mode: Ordered, Dial: s.dial, Network: Network{Rooms: memoryRooms, Wait: patience, Late: 100 * time.Millisecond, Script: patience}}
	if change != nil {
		change(&o)
	}
	return Play(script, o)
}

func memoryServerOfDefaults(t *testing.T) *memoryServer {
	return newMemoryServer(t, muc.Config{Secret: []byte(testSecret)})
}

const (
	twoClients = "[Client] Romeo\n\tjid: romeo@montague.example/orchard\n[Client] Juliet\n\tjid: juliet@capulet.example/balcony\n-----\nRomeo connects\nJuliet connects\n"
	persistent = "host at cellar@chat.example: create owner=\"${Romeo's JID}\" persistent='true'\n"
	romeoJoins = "Romeo sends:\n\t<presence to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>\n" +
		"Romeo receives:\n\t<presence from='cellar@chat.example/Romeo'/>\nRomeo receives:\n\t<message><subject/></message>\n"
	romeoSpeaks = "Romeo sends:\n\t<message type='groupchat' to='cellar@chat.example'><body>Hm.</body></message>\n"
)

// Nothing of the server is left behind: the room that the script used, persistent or not.
func TestNetworkDestroysRooms(t *testing.T) {
	s := memoryServerOfDefaults(t)
	require.NoError(t, overNetwork(t, s, twoClients+persistent+romeoJoins, nil))
	require.Error(t, overNetwork(t, s, twoClients+persistent+"Romeo receives:\n\t<message/>\n", nil))
	me := muc.MustParseJID("x@" + memoryUsers)
	conn, err := s.dial(t.Context(), Login{People: []muc.JID{me}, Resource: "x"})
	require.NoError(t, err)
	require.NoError(t, conn.Send(t.Context(), []byte("<iq type='get' id='i' to='"+memoryRooms+"'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")))
	got, err := conn.Receive(t.Context())
	require.NoError(t, err)
	assert.Contains(t, string(got), `type="result"`)
	assert.NotContains(t, string(got), "cellar")
	assert.Empty(t, s.sessions[muc.MustParseJID("romeo@"+memoryUsers+"/orchard")], "logged out")
}

func TestNetworkFails(t *testing.T) {
	tests := []struct{ name, script, says string }{
		{"what came although nothing should", romeoJoins + romeoSpeaks + "Romeo receives: nothing\n", "something came"},
		{"what nobody expected", romeoJoins + romeoSpeaks + "Juliet disconnects\n", "net.scs:15: at the end of the script: nobody expected what Romeo got"},
		{"what does not come", romeoJoins + "Juliet receives:\n\t<message/>\n", "nothing came"},
		{"what is different", romeoJoins + romeoSpeaks + "Romeo receives:\n\t<message><body>Ha.</body></message>\n", "expected 'Ha.', got 'Hm.'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := overNetwork(t, memoryServerOfDefaults(t), twoClients+persistent+tt.script, nil)
			var failure *Failure
			require.ErrorAs(t, err, &failure)
			assert.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), memoryRooms, "addresses are the script's")
		})
	}
}

// slowConn is a client from which everything arrives late, in its order.
type slowConn struct {
	Conn
	queue chan func() error
}

func (c slowConn) Send(ctx context.Context, stanza []byte) error {
	c.queue <- func() error { return c.Conn.Send(context.WithoutCancel(ctx), stanza) }
	return nil
}

// slowFor has a server on which the way of Romeo's client is long.
func slowFor(t *testing.T, s *memoryServer) func(*Options) {
	return func(o *Options) {
		o.Dial = func(ctx context.Context, who Login) (Conn, error) {
			conn, err := s.dial(ctx, who)
			if err != nil || who.Resource != "orchard" {
				return conn, err
			}
			slow := slowConn{conn, make(chan func() error, 1000)}
			go func() {
				for send := range slow.queue {
					time.Sleep(5 * time.Millisecond)
					if send() != nil {
						return
					}
				}
			}()
			t.Cleanup(func() { close(slow.queue) })
			return slow, nil
		}
	}
}

const julietJoins = "Juliet sends:\n\t<presence to='cellar@chat.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>\n" +
	"Romeo receives:\n\t<presence/>\nJuliet receives:\n\t<presence/>\nJuliet receives:\n\t<presence/>\nJuliet receives:\n\t<message><subject/></message>\n"

// What one client did has arrived before the next one does something, also if the way of the first is
// longer; and all have got it.
func TestNetworkKeepsOrder(t *testing.T) {
	s := memoryServerOfDefaults(t)
	script := twoClients + persistent + romeoJoins + julietJoins + romeoSpeaks + strings.NewReplacer("Romeo", "Juliet", "Hm.", "Ha.").Replace(romeoSpeaks)
	for _, who := range []string{"Juliet", "Romeo"} {
		script += who + " receives:\n\t<message><body>Hm.</body></message>\n" + who + " receives:\n\t<message><body>Ha.</body></message>\n"
	}
	require.NoError(t, overNetwork(t, s, script, slowFor(t, s)))
	err := overNetwork(t, s, twoClients+persistent+romeoJoins+julietJoins+romeoSpeaks+"Juliet receives: nothing\n", slowFor(t, s))
	assert.ErrorContains(t, err, "something came")
	speaks := strings.Count(twoClients+persistent+romeoJoins+julietJoins, "\n") + 1
	err = overNetwork(t, s, twoClients+persistent+romeoJoins+julietJoins+romeoSpeaks+"time passes: 1ms\n", slowFor(t, s))
	assert.ErrorContains(t, err, fmt.Sprintf("net.scs:%d: at the end of the script: nobody expected what Romeo and Juliet got", speaks))
	assert.Equal(t, 2, strings.Count(err.Error(), fmt.Sprintf("(an effect of line %d)", speaks)), "%v", err)
}

// A room that its creator would have to open is open where the script counts on it.
func TestNetworkOpensRooms(t *testing.T) {
	script := twoClients + romeoJoins + "Juliet sends:\n\t<presence to='cellar@chat.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>\n" +
		"Juliet receives:\n\t<presence %s from='cellar@chat.example/%s'/>\n"
	require.NoError(t, overNetwork(t, memoryServerOfDefaults(t), "# match: subset\n# config: instant=true\n"+fmt.Sprintf(script, "", "Romeo"), nil))
	require.NoError(t, overNetwork(t, memoryServerOfDefaults(t), "# match: subset\n"+fmt.Sprintf(script, "type='error'", "Juliet"), nil))
}

// Who is not connected yet gets nothing, not even later; and nobody says whom a stanza is from.
func TestNetworkBeforeConnecting(t *testing.T) {
	require.NoError(t, overNetwork(t, memoryServerOfDefaults(t), strings.Replace(twoClients, "Juliet connects\n", "", 1)+persistent+romeoJoins+
		"Romeo sends:\n\t<message from='tybalt@capulet.example' to='cellar@chat.example'><x xmlns='http://jabber.org/protocol/muc#user'>"+
		"<invite to=\"${Juliet's JID}\"/></x></message>\nJuliet connects\nJuliet receives: nothing\n", nil))
}

// What a form protects with a password says so, for servers that want both.
func TestNetworkPassword(t *testing.T) {
	s := memoryServerOfDefaults(t)
	var sent strings.Builder
	require.NoError(t, overNetwork(t, s, twoClients+strings.Replace(persistent, "persistent", "password='sesame' persistent", 1), func(o *Options) {
		o.Dial = func(ctx context.Context, who Login) (Conn, error) {
			conn, err := s.dial(ctx, who)
			return listened{conn, &sent}, err
		}
	}))
	assert.Contains(t, sent.String(), `var="muc#roomconfig_passwordprotectedroom"><value>1<`)
	assert.Contains(t, sent.String(), `var="muc#roomconfig_roomsecret"><value>sesame<`)
}

// listened is a client that somebody listens to.
type listened struct {
	Conn
	sent *strings.Builder
}

func (c listened) Send(ctx context.Context, stanza []byte) error {
	c.sent.Write(stanza)
	return c.Conn.Send(ctx, stanza)
}

// A script whose time is over leaves no room behind either.
func TestNetworkTimeIsOver(t *testing.T) {
	err := overNetwork(t, memoryServerOfDefaults(t), twoClients+persistent+"time passes: 2s\n", func(o *Options) {
		o.Network.Script = 500 * time.Millisecond
		o.Network.LeftBehind = func(room string) { t.Errorf("%s is left behind", room) }
	})
	assert.ErrorContains(t, err, "the script takes more than 500ms")
}

// That nothing comes before the host answers from the archive is not to be seen where the server does.
func TestOnNetwork(t *testing.T) {
	script, err := Parse("a.scs", []byte(twoClients+romeoSpeaks+"Romeo receives: nothing\nhost answers: archive\nRomeo receives: nothing\n"))
	require.NoError(t, err)
	var left []string
	for _, a := range onNetwork(script.actions) {
		left = append(left, a.text)
	}
	assert.Equal(t, []string{"Romeo connects", "Juliet connects", "Romeo sends:", "host answers: archive", "Romeo receives: nothing"}, left)
}

// A room whose owners it has no more, by what the script does, is told of.
func TestNetworkLeavesBehind(t *testing.T) {
	var left []string
	s := memoryServerOfDefaults(t)
	require.NoError(t, overNetwork(t, s, twoClients+persistent+
		"host: set-affiliation jid='nurse@capulet.example' affiliation='owner'\nhost: set-affiliation jid=\"${Romeo's JID}\" affiliation='none'\n",
		func(o *Options) { o.Network.LeftBehind = func(room string) { left = append(left, room) } }))
	require.Len(t, left, 1)
	assert.Regexp(t, `^cellar-\w{8}@rooms.test$`, left[0])
}

// A server may choose another resource than it was asked for.
func TestNetworkOtherResource(t *testing.T) {
	s := memoryServerOfDefaults(t)
	s.resource = "chosen"
	require.NoError(t, overNetwork(t, s, twoClients+persistent+strings.Replace(romeoJoins, "Romeo'/>\n",
		"Romeo'><x xmlns='http://jabber.org/protocol/muc#user'><item jid=\"${Romeo's full JID}\"/></x></presence>\n", 1), nil))
}

func TestNetworkSkips(t *testing.T) {
	tests := []struct{ name, head, script, why string }{
		{"a pause", "", "time passes: 3s\n", "it lets 3s pass"},
		{"a host's command", "", "host: say body='Hm.'\n", "no stanza does what the host does: say"},
		{"the room's own invitation", "", "host: invite to=\"${Juliet's JID}\"\n", "no stanza does what the host does: invite"},
		{"a setting", "# config: limit-history=3\n", "", "it needs a host's setting: limit-history=3"},
		{"a setting with an address", "# config: may-create=romeo@montague.example\n", "", "it needs a host's setting: may-create=romeo@montague.example"},
		{"an answer of the host", "", "host answers: nothing\n", "the host answers a question of the room"},
		{"a refusal of the host", "", "host refuses: forbidden\n", "the host answers a question of the room"},
		{"an archive that takes its time", "", "host answers: archive\n", "the host takes its time to answer from the archive"},
		{"a domain", "", "host: set-affiliation jid='capulet.example' affiliation='outcast'\n", "it is about a whole domain, and all accounts are on one"},
		{"a domain, by an owner", "", "Romeo sends:\n\t<iq to='cellar@chat.example'><query><item jid='capulet.example'/></query></iq>\n", "it is about a whole domain, and all accounts are on one"},
		{"an account's answer", "", "Romeo sends:\n\t<iq type='result' from=\"${Romeo's JID}\" to='cellar@chat.example/x'/>\n", "a client answers for its account, as a server does by itself"},
		{"a request to an account", "", "Romeo receives:\n\t<iq to=\"${Romeo's JID}\"/>\n", "a client answers for its account, as a server does by itself"},
		{"a temporary room of the host", "", "host at cellar@chat.example: create owner=\"${Romeo's JID}\"\n", "the host makes a temporary room with nobody inside"},
		{"a command in a person's name", "", persistent + "host: kick nick='x' as=\"${Romeo's JID}\"\n", "the host does something in the name of a person, not of a client"},
		{"a set-up that is refused", "", persistent + "host: set-affiliation jid=\"${Romeo's JID}\" affiliation='none'\n", "the server refuses to have the room set up: conflict"},
		{"several that vanish", "", persistent + "host: vanished jid='example'\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := overNetwork(t, memoryServerOfDefaults(t), tt.head+twoClients+tt.script, func(o *Options) {
				o.Network.Settings = []string{"may-create=romeo@montague.example"}
			})
			if tt.why == "" {
				require.NoError(t, err)
				return
			}
			var skipped *Skipped
			require.ErrorAs(t, err, &skipped)
			assert.Equal(t, tt.why, skipped.Error())
		})
	}
	t.Run("a setting that the server has", func(t *testing.T) {
		require.NoError(t, overNetwork(t, memoryServerOfDefaults(t), "# config: limit-history=3\n"+twoClients, func(o *Options) {
			o.Network.Settings = []string{"limit-history=3"}
		}))
	})
	t.Run("accounts that are others each time", func(t *testing.T) {
		s, n := memoryServerOfDefaults(t), 0
		err := overNetwork(t, s, strings.Replace(twoClients, "juliet@capulet", "romeo@montague", 1), func(o *Options) {
			o.Dial = func(ctx context.Context, who Login) (Conn, error) {
				n++
				stranger := muc.MustParseJID(fmt.Sprintf("anonymous%d@%s", n, memoryUsers))
				return s.dial(ctx, Login{[]muc.JID{stranger}, 0, who.Resource})
			}
		})
		assert.EqualError(t, err, "romeo@montague.example has two clients, and each gets an account of its own")
	})
}

// brokenConn is a connection that does not do what it should.
type brokenConn struct {
	Conn
	receive func(context.Context) ([]byte, error)
}

func (c brokenConn) Receive(ctx context.Context) ([]byte, error) { return c.receive(ctx) }

func TestNetworkBreaks(t *testing.T) {
	never := func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	tests := []struct {
		name         string
		wait, script time.Duration
		receive      func(context.Context) ([]byte, error)
		says         string
	}{
		{"no answer", 50 * time.Millisecond, patience, never, "users.test did not answer a request within 50ms"},
		{"an end", patience, patience, func(context.Context) ([]byte, error) { return nil, errors.New("the server closed the stream") },
			"the connection of romeo@montague.example: the server closed the stream"},
		{"no XML", patience, patience, func(context.Context) ([]byte, error) { return []byte("<a><b></a>"), nil }, "not XML as on a stream"},
		{"no end", 50 * time.Millisecond, 400 * time.Millisecond, func(context.Context) ([]byte, error) { return []byte("<message/>"), nil }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := overNetwork(t, memoryServerOfDefaults(t), twoClients, func(o *Options) {
				dial := o.Dial
				o.Network.Wait, o.Network.Script = tt.wait, tt.script
				o.Dial = func(ctx context.Context, who Login) (Conn, error) {
					conn, err := dial(ctx, who)
					return brokenConn{conn, tt.receive}, err
				}
			})
			var failure *Failure
			require.ErrorAs(t, err, &failure)
			assert.ErrorContains(t, err, tt.says)
		})
	}
	t.Run("a connection that has ended", func(t *testing.T) {
		script, err := Parse("net.scs", []byte(twoClients+romeoSpeaks))
		require.NoError(t, err)
		s := memoryServerOfDefaults(t)
		p, err := newPlayer(script, Options{Dial: s.dial, Network: Network{Rooms: memoryRooms}})
		require.NoError(t, err)
		defer p.stage.end()
		require.NoError(t, p.stage.begin())
		for i := range 2 {
			require.NoError(t, p.perform(&p.actions[i]))
		}
		n := p.stage.(*network)
		require.Error(t, n.lost(n.lines[0], errors.New("broken")))
		assert.EqualError(t, p.perform(&p.actions[2]), "the connection of romeo@montague.example has ended")
		more, err := p.stage.more(p.users[0])
		require.NoError(t, err)
		assert.False(t, more)
		assert.NoError(t, p.disconnects(p.users[0]))
	})
	t.Run("nobody logs in", func(t *testing.T) {
		refused := errors.New("cannot connect to 127.0.0.1:1: connection refused")
		err := overNetwork(t, memoryServerOfDefaults(t), twoClients, func(o *Options) {
			o.Dial = func(context.Context, Login) (Conn, error) { return nil, refused }
		})
		var lost *NetworkError
		require.ErrorAs(t, err, &lost)
		assert.ErrorIs(t, err, refused)
		assert.Equal(t, refused.Error(), err.Error())
	})
}

func TestNames(t *testing.T) {
	n := &names{
		tag: "tag", rooms: "rooms.test", users: "test", roomDomains: []string{"chat.example"},
		userDomains: []string{"montague.example", "capulet.example"}, written: map[string]string{},
		accounts: map[muc.JID]muc.JID{
			muc.MustParseJID("romeo@montague.example"): muc.MustParseJID("u1@test"),
			muc.MustParseJID("romeo@capulet.example"):  muc.MustParseJID("u2@test"),
		},
		resources: map[muc.JID]muc.JID{muc.MustParseJID("romeo@montague.example/a"): muc.MustParseJID("u1@test/b")},
	}
	n.learn()
	for script, server := range map[string]string{
		"cellar@chat.example":                     "cellar-tag@rooms.test",
		"cellar@chat.example/Romeo":               "cellar-tag@rooms.test/Romeo",
		"CELLAR@chat.example":                     "CELLAR-TAG@rooms.test",
		"Cellar@CHAT.example":                     "Cellar-TAG@ROOMS.TEST",
		`seven\20of\20nine@chat.example`:          `seven\20of\20nine-tag@rooms.test`,
		"chat.example":                            "rooms.test",
		"Come to cellar@chat.example.":            "Come to cellar-tag@rooms.test.",
		"xmpp:cellar@chat.example?join":           "xmpp:cellar-tag@rooms.test?join",
		"https://x/?by=cellar%40chat.example%2Fa": "https://x/?by=cellar-tag%40rooms.test%2Fa",
		"romeo@montague.example":                  "u1@test",
		"Romeo@Montague.example":                  "U1@TEST",
		"romeo@montague.example/a":                "u1@test/b",
		"romeo@montague.example/c":                "u1@test/c",
		"romeo@capulet.example":                   "u2@test",
		"nurse@capulet.example":                   "nurse-tag@test",
		"nurse@montague.example":                  "nurse-tag2@test",
		"(romeo@montague.example,nurse@x.org)":    "(u1@test,nurse@x.org)",
		"romeo@montague.example.net":              "romeo@montague.example.net",
		"xchat.example":                           "xchat.example",
		"capulet.example":                         "capulet.example",
		"no address":                              "no address",
	} {
		if script != "nurse@montague.example" { // which is the second of that name
			assert.Equal(t, server, n.toServer(script))
			assert.Equal(t, script, n.toScript(server))
		}
	}
	assert.Equal(t, "nurse-tag2@test", n.toServer("nurse@montague.example"))
	assert.Equal(t, "nurse@montague.example", n.toScript("nurse-tag2@test"))
	assert.Equal(t, "lobby@chat.example", n.toScript("lobby@rooms.test"), "a room that others made")
	assert.Equal(t, "The room cellar", n.toScript("The room cellar-tag"), "a name made of an address")
	n.userDomains = n.userDomains[:1]
	assert.Equal(t, "test", n.toServer("montague.example"), "with one domain of people it is clear which")
	assert.Equal(t, "montague.example", n.toScript("test"))
}
