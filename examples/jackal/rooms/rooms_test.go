package rooms

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackal-xmpp/stravaganza"
	"github.com/jackal-xmpp/stravaganza/jid"
	xmppparser "github.com/jackal-xmpp/stravaganza/parser"
	"github.com/ortuman/jackal/pkg/component"
	"github.com/ortuman/jackal/pkg/hook"
	"github.com/ortuman/jackal/pkg/router"
	"github.com/ortuman/jackal/pkg/router/stream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

var _ component.Component = (*Component)(nil)

// parse reads an element as jackal does.
func parse(t *testing.T, text string) stravaganza.Element {
	t.Helper()
	el, err := xmppparser.New(strings.NewReader(text), xmppparser.DefaultMode, 0).Parse()
	require.NoError(t, err, text)
	return el
}

// parseStanza is parse for what is addressed to somebody.
func parseStanza(t *testing.T, text string) stravaganza.Stanza {
	t.Helper()
	return build(stravaganza.NewBuilderFromElement(parse(t, text)))
}

// played is the component in a server that is played: streams and router write down what
// they are given.
type played struct {
	router.Router

	t     *testing.T
	c     *Component
	hooks *hook.Hooks
	log   *bytes.Buffer

	mu      sync.Mutex
	streams map[string][]string // by account and resource
	routed  []stravaganza.Stanza
	refuse  error
}

func newPlayed(t *testing.T, heir string) *played {
	p := &played{t: t, hooks: hook.NewHooks(), streams: map[string][]string{}, log: new(bytes.Buffer)}
	cfg := Config{Domain: "chat.example", Store: filepath.Join(t.TempDir(), "rooms.db"), Router: p, Hooks: p.hooks,
		Hosts: []string{"example.net", "example.org"}, Log: slog.New(slog.NewTextHandler(p.log, nil))}
	if heir != "" {
		cfg.Heir = muc.MustParseJID(heir)
	}
	var err error
	p.c, err = New(cfg)
	require.NoError(t, err)
	require.NoError(t, p.c.Start(t.Context()))
	t.Cleanup(p.stop)
	return p
}

// stop stops the component, once.
func (p *played) stop() {
	if p.c.ctx.Err() == nil {
		assert.NoError(p.t, p.c.Stop(context.Background()))
	}
}

func (p *played) C2S() router.C2SRouter { return streams{played: p} }

// streams are those that are open.
type streams struct {
	router.C2SRouter
	played *played
}

func (s streams) LocalStream(username, resource string) (stream.C2S, error) {
	p := s.played
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, there := p.streams[username+"/"+resource]; !there {
		return nil, router.ErrResourceNotFound
	}
	return playedStream{p: p, name: username + "/" + resource}, nil
}

func (p *played) Route(_ context.Context, s stravaganza.Stanza) ([]jid.JID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routed = append(p.routed, s)
	return nil, p.refuse
}

type playedStream struct {
	stream.C2S
	p    *played
	name string
}

func (s playedStream) SendElement(el stravaganza.Element) <-chan error {
	var text bytes.Buffer
	_ = el.ToXML(&text, true)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.streams[s.name] = append(s.p.streams[s.name], text.String())
	return nil
}

// online opens streams.
func (p *played) online(names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		p.streams[name] = nil
	}
}

func (p *played) sends(text string) {
	p.t.Helper()
	require.NoError(p.t, p.c.ProcessStanza(p.t.Context(), parseStanza(p.t, text)))
}

// runs has jackal run a hook.
func (p *played) runs(name string, info any) {
	p.t.Helper()
	_, err := p.hooks.Run(name, &hook.ExecutionContext{Info: info, Context: p.t.Context()})
	require.NoError(p.t, err)
}

// gets waits until a stream has been sent something, and returns that stanza.
func (p *played) gets(name, part string) (found string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, text := range p.streams[name] {
			if strings.Contains(text, part) {
				found = text
				return true
			}
		}
		return false
	}, 2*time.Minute, time.Millisecond, "%s does not get %s", name, part)
	return found
}

func (p *played) enters(who, nick string) {
	p.t.Helper()
	p.sends("<presence from='" + who + "' to='cellar@chat.example/" + strings.ReplaceAll(nick, "'", "&apos;") + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
}

// inside waits for what the room has done with everything so far, and tells who is inside.
func (p *played) inside() (nicks []string) {
	p.t.Helper()
	require.NoError(p.t, p.c.service.Read(p.t.Context(), muc.MustParseJID("cellar@chat.example"), func(r *muc.Room) {
		for o := range r.Occupants() {
			nicks = append(nicks, o.Nick)
		}
	}))
	return nicks
}

func address(t *testing.T, text string) *jid.JID {
	t.Helper()
	j, err := jid.NewWithString(text, false)
	require.NoError(t, err)
	return j
}

func TestElements(t *testing.T) {
	for _, text := range []string{
		"<message from='a@b' to='c@d/e' type='groupchat'><body xml:lang='de'>a &amp; &lt;b&gt; &quot;</body><x:y xmlns:x='urn:x' x:z='1'/><empty xmlns='urn:e'/></message>",
		"<iq from='a@b' to='c' type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info' node=''/></iq>",
	} {
		el := parse(t, text)
		assert.Equal(t, el.String(), toJackal(fromJackal(el)).Build().String())
	}
	el := fromJackal(parse(t, "<message><x:y xmlns:x='urn:x'>a &amp; b</x:y></message>"))
	require.NotNil(t, el.FindElement("x:y"))
	assert.Equal(t, "urn:x", el.FindElement("x:y").NamespaceURI())
	assert.Equal(t, "a & b", el.FindElement("x:y").Text())
}

// opened has romeo and juliet in a room that romeo has made.
func (p *played) opened() {
	p.t.Helper()
	p.online("romeo/o", "juliet/b")
	p.enters("romeo@example.org/o", "Romeo")
	p.sends("<iq type='set' id='c' from='romeo@example.org/o' to='cellar@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
		"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
	p.enters("juliet@example.org/b", "Juliet's")
	p.gets("juliet/b", "code='110'")
}

// What a room says reaches streams of the server as the room's own bytes: what jackal
// would write of a tree has attributes that are not escaped.
func TestDelivery(t *testing.T) {
	p := newPlayed(t, "")
	p.opened()
	p.sends("<message type='groupchat' from='juliet@example.org/b' to='cellar@chat.example'><body>a &lt; b</body></message>")
	said := p.gets("romeo/o", "<body>a &lt; b</body>")
	assert.Contains(t, said, "to='romeo@example.org/o'")
	assert.Contains(t, said, "from='cellar@chat.example/Juliet&apos;s'")
	assert.Empty(t, p.routed)
}

// What is for nobody on a stream here goes to the router, as a kind of stanza that it
// knows; whom it does not find is put out.
func TestRouting(t *testing.T) {
	p := newPlayed(t, "")
	p.opened()
	p.sends("<message from='romeo@example.org/o' to='cellar@chat.example'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='nurse@example.org'/></x></message>")
	p.enters("nurse@elsewhere.example/n", "Nurse")
	assert.Equal(t, []string{"Romeo", "Juliet's", "Nurse"}, p.inside())
	p.gets("romeo/o", "from='cellar@chat.example/Nurse'")
	p.mu.Lock()
	var invited bool
	for _, s := range p.routed {
		if m, ok := s.(*stravaganza.Message); ok && s.ToJID().String() == "nurse@example.org" {
			invited = m.ChildNamespace("x", "http://jabber.org/protocol/muc#user") != nil
		}
	}
	assert.True(t, invited)
	p.refuse = router.ErrResourceNotFound
	p.mu.Unlock()
	p.sends("<message type='groupchat' from='romeo@example.org/o' to='cellar@chat.example'><body>who is there</body></message>")
	p.gets("romeo/o", "code='333'")
	assert.Equal(t, []string{"Romeo", "Juliet's"}, p.inside())

	p.mu.Lock()
	p.refuse = router.ErrRemoteServerNotFound
	p.mu.Unlock()
	p.enters("nurse@elsewhere.example/n", "Nurse")
	p.gets("romeo/o", "from='cellar@chat.example/Nurse'")
	assert.Equal(t, []string{"Romeo", "Juliet's", "Nurse"}, p.inside(), "it may be reached again")
	p.stop()
	assert.Contains(t, p.log.String(), "a stanza of a room is lost")
}

// Who logs out leaves in good order; who tells somebody else goodbye stays.
func TestLogout(t *testing.T) {
	p := newPlayed(t, "")
	p.opened()
	for _, to := range []string{"romeo@example.org/o", "nurse@example.org", "romeo@example.org", "juliet@example.org/x"} {
		p.runs(hook.C2SStreamPresenceReceived, &hook.C2SStreamInfo{JID: address(t, "juliet@example.org/b"),
			Element: parseStanza(t, "<presence type='unavailable' from='juliet@example.org/b' to='"+to+"'/>")})
	}
	p.runs(hook.C2SStreamPresenceReceived, &hook.C2SStreamInfo{JID: address(t, "juliet@example.org/b"),
		Element: parseStanza(t, "<presence from='juliet@example.org/b' to='juliet@example.org'><show>away</show></presence>")})
	assert.Equal(t, []string{"Romeo", "Juliet's"}, p.inside())
	p.runs(hook.C2SStreamPresenceReceived, &hook.C2SStreamInfo{JID: address(t, "juliet@example.org/b"),
		Element: parseStanza(t, "<presence type='unavailable' from='juliet@example.org/b' to='juliet@example.org'><status>good night</status></presence>")})
	assert.NotContains(t, p.gets("romeo/o", "<status>good night</status>"), "code='333'")
	assert.Equal(t, []string{"Romeo"}, p.inside())
}

// Whose stream ends is gone; a stream that never was a session's is nobody's.
func TestTerminated(t *testing.T) {
	p := newPlayed(t, "")
	p.opened()
	p.runs(hook.C2SStreamTerminated, &hook.C2SStreamInfo{})
	odd, err := jid.New("juliet", "example.org", "\u0000", true) // which no room lets in
	require.NoError(t, err)
	p.runs(hook.C2SStreamTerminated, &hook.C2SStreamInfo{JID: odd})
	p.runs(hook.C2SStreamPresenceReceived, &hook.C2SStreamInfo{JID: odd,
		Element: parseStanza(t, "<presence type='unavailable' from='juliet@example.org/b' to='juliet@example.org'/>")})
	p.runs(hook.C2SStreamTerminated, &hook.C2SStreamInfo{JID: address(t, "example.org")})
	p.runs(hook.C2SStreamTerminated, &hook.C2SStreamInfo{JID: address(t, "juliet@example.org")})
	assert.Equal(t, []string{"Romeo", "Juliet's"}, p.inside())
	p.runs(hook.C2SStreamTerminated, &hook.C2SStreamInfo{JID: address(t, "juliet@example.org/b")})
	p.gets("romeo/o", "code='333'")
	assert.Equal(t, []string{"Romeo"}, p.inside())
}

// A deleted account is forgotten at each host of the server; the heir gets the rooms that
// would have no owner, and without one that is an error for the operator.
func TestDeleted(t *testing.T) {
	for _, heir := range []string{"admin@example.org", ""} {
		p := newPlayed(t, heir)
		p.opened()
		p.runs(hook.UserDeleted, &hook.UserInfo{Username: "juliet"})
		p.runs(hook.UserDeleted, &hook.UserInfo{Username: "romeo"})
		p.c.beside.Wait()
		var owners []string
		require.NoError(t, p.c.service.Read(t.Context(), muc.MustParseJID("cellar@chat.example"), func(r *muc.Room) {
			for who, affiliation := range r.Affiliations() {
				owners = append(owners, who.String()+" "+affiliation.String())
			}
		}))
		if heir == "" {
			assert.Equal(t, []string{"romeo@example.org owner"}, owners)
			assert.Contains(t, p.log.String(), "a deleted account is not forgotten everywhere")
			assert.Equal(t, []string{"Romeo"}, p.inside())
			continue
		}
		assert.Equal(t, []string{heir + " owner"}, owners)
		assert.Empty(t, p.inside())
		assert.Empty(t, p.log.String())
	}
}

// After a stop the hooks of streams that end do nothing, and say nothing.
func TestStop(t *testing.T) {
	p := newPlayed(t, "")
	p.opened()
	p.stop()
	p.gets("juliet/b", "code='332'")
	p.runs(hook.C2SStreamTerminated, &hook.C2SStreamInfo{JID: address(t, "juliet@example.org/b")})
	p.runs(hook.C2SStreamPresenceReceived, &hook.C2SStreamInfo{JID: address(t, "romeo@example.org/o"),
		Element: parseStanza(t, "<presence type='unavailable' from='romeo@example.org/o' to='romeo@example.org'/>")})
	p.runs(hook.UserDeleted, &hook.UserInfo{Username: "romeo"})
	p.c.beside.Wait()
	assert.Empty(t, p.log.String())
}

func TestConfig(t *testing.T) {
	_, err := New(Config{Domain: "chat.example"})
	assert.ErrorIs(t, err, errConfig)
}
