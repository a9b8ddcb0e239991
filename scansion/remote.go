package scansion

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

const (
	nsMUC     = "http://jabber.org/protocol/muc"
	nsUser    = nsMUC + "#user"
	nsOwner   = nsMUC + "#owner"
	nsAdmin   = nsMUC + "#admin"
	nsPing    = "urn:xmpp:ping"
	nsPubSub  = "http://jabber.org/protocol/pubsub#event"
	nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
	afterCut  = time.Second           // in which a server has to notice that a connection broke
	setupName = "scansion"            // the resource and nick of who only sets up rooms
	queued    = 20 * time.Millisecond // for what has come and was not read yet
	maxRooms  = 64                    // that one script may use
	maxInbox  = 10_000                // stanzas that came to a client and were not asked for yet
)

// network is a server as the stage of a script: each client is a real one.
//
// A server handles what different clients send in any order. So after each action the client
// that acted pings the room, and waits for the answer: what the room did of the action is sent by
// then, because stanzas between two addresses keep their order (RFC 6120 §10.1). Then every
// client pings, and reads what comes until its answer.
type network struct {
	player *player
	dial   func(context.Context, Login) (Conn, error)
	how    Network
	ctx    context.Context
	cancel context.CancelFunc
	names  *names
	people []muc.JID
	lines  []*line // of clients, as in Script.Clients, and of owners who are none of them
	rooms  []*knownRoom
	ids    int
	// acted is when everything had come that was sure to come of the last action.
	acted time.Time
	// hostActs is that what comes is an effect of what the host does, for which an owner stands in.
	hostActs bool
}

var fromName = xml.Name{Local: "from"}

// line is the connection of a client.
type line struct {
	login Login
	user  *user // nil for somebody who only sets up rooms
	conn  Conn  // nil after a cut
	// ignores is that what comes is not for the script.
	ignores bool
	// answers are those to requests that the script knows nothing of, by their ids.
	answers map[string]*node
}

// knownRoom is a room that the script uses.
type knownRoom struct {
	address muc.JID // the script's
	owners  []*line // its creator or who set it up, and those whom the host made owners
	config  muc.RoomConfig
}

func newNetwork(o Options, p *player) *network {
	n := &network{player: p, dial: o.Dial, how: o.Network}
	n.ctx, n.cancel = context.WithTimeout(context.Background(), n.how.script())
	return n
}

// begin logs in everybody, so that it is known who is who before the script begins.
func (n *network) begin() error {
	n.player.actions = onNetwork(n.player.actions)
	users, rooms := n.player.domains()
	n.names = &names{
		tag: strings.ToLower(rand.Text()[:8]), rooms: n.how.Rooms, roomDomains: rooms, userDomains: users,
		accounts: map[muc.JID]muc.JID{}, resources: map[muc.JID]muc.JID{}, written: map[string]string{},
	}
	if reason := n.player.unplayable(n.how); reason != "" {
		return skip("%s", reason)
	}
	var strangers []muc.JID
	for _, u := range n.player.users {
		if !slices.Contains(n.people, u.JID.Bare()) {
			n.people = append(n.people, u.JID.Bare())
		}
	}
	for _, owner := range n.player.owners() {
		if !slices.Contains(n.people, owner) {
			n.people, strangers = append(n.people, owner), append(strangers, owner)
		}
	}
	for _, u := range n.player.users {
		l := &line{user: u, login: n.login(u.JID.Bare(), u.JID.Resource())}
		n.lines = append(n.lines, l)
		if err := n.open(l); err != nil {
			return err
		}
	}
	for _, who := range strangers {
		l := &line{login: n.login(who, setupName)}
		n.lines = append(n.lines, l)
		if err := n.open(l); err != nil {
			return err
		}
	}
	n.names.learn()
	return nil
}

func (n *network) login(who muc.JID, resource string) Login {
	return Login{Person: slices.Index(n.people, who), Resource: resource}
}

// open logs in a client, and notes who that really is.
func (n *network) open(l *line) error {
	l.login.People = slices.Clone(n.people)
	conn, err := n.dial(n.ctx, l.login)
	if skipped := (*Skipped)(nil); err != nil {
		if errors.As(err, &skipped) {
			return skipped
		}
		return &NetworkError{err}
	}
	l.conn, l.answers = conn, map[string]*node{}
	who, really := n.people[l.login.Person], conn.JID()
	if before, known := n.names.accounts[who]; known && before != really.Bare() {
		return skip("%s has two clients, and each gets an account of its own", who)
	}
	n.names.accounts[who], n.names.users = really.Bare(), really.Domain()
	if l.user != nil {
		delete(n.names.resources, l.user.JID)
		if really.Resource() != l.user.JID.Resource() {
			n.names.resources[l.user.JID] = really
		}
	}
	return nil
}

// end destroys the rooms and logs out everybody.
func (n *network) end() {
	defer n.cancel()
	if n.ctx.Err() != nil { // the script's time is over, and this has a little of its own
		n.ctx, n.cancel = context.WithTimeout(context.Background(), n.how.wait())
		defer n.cancel()
	}
	for _, r := range n.rooms {
		lines := append(slices.Clone(r.owners), n.lines...)
		destroy := etree.NewElement("query")
		destroy.CreateAttr("xmlns", nsOwner)
		destroy.CreateElement("destroy")
		if !slices.ContainsFunc(lines, func(l *line) bool {
			l.ignores = true
			if l.conn == nil {
				return false
			}
			answer, err := n.ask(l, r.address, "set", destroy)
			return err == nil && (answer.isResult() || answer.condition() == "item-not-found")
		}) {
			room := n.names.toServer(r.address.String())
			n.player.trace.note("left behind: " + room)
			if n.how.LeftBehind != nil {
				n.how.LeftBehind(room)
			}
		}
	}
	for _, l := range n.lines {
		if l.conn != nil {
			l.conn.Close()
		}
	}
}

// tick: over the network an action takes the time that it takes.
func (n *network) tick() error { return nil }

func (n *network) clock() time.Time { return time.Now() }

func (n *network) pass(pause time.Duration) error {
	select {
	case <-time.After(pause):
		return n.settle()
	case <-n.ctx.Done():
		return n.failed(n.ctx.Err())
	}
}

// connect makes a client available, so that it gets what is sent to its account.
func (n *network) connect(u *user) error {
	l := n.of(u)
	if l.conn == nil {
		if err := n.open(l); err != nil {
			return err
		}
	}
	l.ignores = true
	defer func() { l.ignores = false }()
	if err := n.write(l, etree.NewElement("presence")); err != nil {
		return err
	}
	return n.fence([]*line{l}, []string{n.names.users})
}

func (n *network) disconnect(u *user) error {
	if l := n.of(u); l.conn != nil {
		l.conn.Cut()
		l.conn = nil
	}
	return n.pass(afterCut)
}

func (n *network) send(u *user, to muc.JID, stanza *etree.Element) error {
	l := n.of(u)
	stanza.RemoveAttr("from")
	n.names.sent(stanza)
	if err := n.write(l, stanza); err != nil {
		return err
	}
	if n.player.isUserDomain(to.Domain()) {
		if err := n.fence([]*line{l}, []string{n.names.users}); err != nil {
			return err
		}
		return n.settle()
	}
	r, err := n.room(to.Bare())
	if err != nil {
		return err
	}
	if err := n.fence([]*line{l}, []string{n.names.toServer(to.Bare().String())}); err != nil {
		return err
	}
	joins := stanza.Tag == "presence" && stanza.SelectAttrValue("type", "") == ""
	if len(r.owners) == 0 && joins {
		r.owners = []*line{l}
		if slices.Contains(n.player.script.HeaderAll("config"), "instant=true") {
			if _, err := n.ask(l, r.address, "set", submission(nil)); err != nil {
				return err
			}
		}
	}
	return n.settle()
}

// room is what is known of a room, which from here on is to be destroyed in the end.
func (n *network) room(address muc.JID) (*knownRoom, error) {
	for _, r := range n.rooms {
		if r.address == address {
			return r, nil
		}
	}
	if len(n.rooms) >= maxRooms {
		return nil, fmt.Errorf("a script may use %d rooms over the network", maxRooms)
	}
	r := &knownRoom{address: address}
	n.rooms = append(n.rooms, r)
	return r, nil
}

func (n *network) of(u *user) *line {
	return n.lines[slices.IndexFunc(n.lines, func(l *line) bool { return l.user == u })]
}

func (n *network) more(u *user) (bool, error) {
	l := n.of(u)
	if l.conn == nil {
		return false, nil
	}
	late := max(time.Until(n.acted.Add(n.how.late())), queued)
	ctx, cancel := context.WithTimeout(n.ctx, late)
	defer cancel()
	for before := len(u.inbox); len(u.inbox) == before; {
		if err := n.read(ctx, l); err != nil {
			if ctx.Err() != nil && n.ctx.Err() == nil {
				return false, nil
			}
			return false, n.lost(l, err)
		}
	}
	return true, nil
}

// settle has every client ping all rooms, and the server for what people send each other.
func (n *network) settle() error {
	targets := []string{n.names.users}
	for _, r := range n.rooms {
		targets = append(targets, n.names.toServer(r.address.String()))
	}
	var lines []*line
	for _, l := range n.lines {
		if l.user != nil && l.user.connected && l.conn != nil {
			lines = append(lines, l)
		}
	}
	err := n.fence(lines, targets)
	n.acted = time.Now()
	return err
}

// fence has clients ping addresses and reads what comes until all are answered, if only by
// errors.
func (n *network) fence(lines []*line, targets []string) error {
	ids := make([][]string, len(lines))
	for i, l := range lines {
		for _, to := range targets {
			ping := etree.NewElement("ping")
			ping.CreateAttr("xmlns", nsPing)
			id, err := n.request(l, to, "get", ping)
			if err != nil {
				return err
			}
			ids[i] = append(ids[i], id)
		}
	}
	for i, l := range lines {
		for j, id := range ids[i] {
			// In mode Spec a room that has just ended need not answer.
			_, err := n.answer(l, id, targets[j])
			if late := (*unanswered)(nil); err != nil && !(n.player.mode == Spec && errors.As(err, &late)) {
				return err
			}
		}
	}
	return nil
}

// ask sends a request that the script knows nothing of, and waits for the answer.
func (n *network) ask(l *line, to muc.JID, kind string, payload *etree.Element) (*node, error) {
	address := n.names.toServer(to.String())
	id, err := n.request(l, address, kind, payload)
	if err != nil {
		return nil, err
	}
	return n.answer(l, id, address)
}

func (n *network) request(l *line, to, kind string, payload *etree.Element) (id string, err error) {
	n.ids++
	id = fmt.Sprintf("%s-%d", n.names.tag, n.ids)
	iq := etree.NewElement("iq")
	iq.CreateAttr("type", kind)
	iq.CreateAttr("id", id)
	iq.CreateAttr("to", to)
	iq.AddChild(payload.Copy())
	return id, n.write(l, iq)
}

// answer waits for the answer to a request of ours.
func (n *network) answer(l *line, id, of string) (*node, error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.how.wait())
	defer cancel()
	for l.answers[id] == nil {
		if err := n.read(ctx, l); err != nil {
			if ctx.Err() != nil && n.ctx.Err() == nil {
				return nil, &unanswered{of, n.how.wait()}
			}
			return nil, n.lost(l, err)
		}
	}
	answer := l.answers[id]
	delete(l.answers, id)
	return answer, nil
}

// unanswered is a request that was not answered in time.
type unanswered struct {
	by string
	in time.Duration
}

// Error says who did not answer.
func (u *unanswered) Error() string {
	return fmt.Sprintf("%s did not answer a request within %v", u.by, u.in)
}

func (n *network) write(l *line, stanza *etree.Element) error {
	if l.conn == nil {
		return fmt.Errorf("the connection of %s has ended", n.people[l.login.Person])
	}
	doc := etree.NewDocument()
	doc.SetRoot(stanza.Copy())
	src, err := doc.WriteToBytes()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.how.wait())
	defer cancel()
	if err := l.conn.Send(ctx, src); err != nil {
		return n.lost(l, err)
	}
	return nil
}

// lost says that a connection is no use any more.
func (n *network) lost(l *line, err error) error {
	if n.ctx.Err() != nil {
		return n.failed(n.ctx.Err())
	}
	l.conn.Cut()
	l.conn = nil
	return fmt.Errorf("the connection of %s: %w", n.people[l.login.Person], err)
}

func (n *network) failed(err error) error {
	return fmt.Errorf("the script takes more than %v: %w", n.how.script(), err)
}

// read takes in one stanza.
func (n *network) read(ctx context.Context, l *line) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	src, err := l.conn.Receive(ctx)
	if err != nil {
		return err
	}
	stanza, err := parseXML(src, nsClient, wire)
	if err != nil {
		return fmt.Errorf("not XML as on a stream: %w\n    %s", err, src)
	}
	if id, _ := stanza.attr(xml.Name{Local: "id"}); strings.HasPrefix(id, n.names.tag+"-") && stanza.name.Local == "iq" {
		l.answers[id] = stanza
		return nil
	}
	if n.isPing(stanza) {
		pong := etree.NewElement("iq")
		pong.CreateAttr("type", "result")
		for _, name := range []string{"id", "from"} {
			value, _ := stanza.attr(xml.Name{Local: name})
			pong.CreateAttr(strings.Replace(name, "from", "to", 1), value)
		}
		return n.write(l, pong)
	}
	if l.ignores || l.user == nil || !l.user.connected || !n.fromScript(stanza) {
		return nil
	}
	if len(l.user.inbox) >= maxInbox {
		return fmt.Errorf("more than %d stanzas came that were not asked for", maxInbox)
	}
	n.names.came(stanza)
	if n.hostActs {
		unsign(stanza)
	}
	n.player.trace.posted("server", []string{l.user.Name}, stanza)
	l.user.inbox = append(l.user.inbox, mail{stanza: stanza, cause: n.player.current})
	return nil
}

// isPing reports whether the server, or the service of the rooms, asks whether a client is there.
// Every client answers that by itself. What occupants ask each other is for the script.
func (n *network) isPing(stanza *node) bool {
	from, _ := stanza.attr(fromName)
	kind, _ := stanza.attr(xml.Name{Local: "type"})
	return stanza.name.Local == "iq" && kind == "get" && !strings.Contains(from, "/") &&
		len(stanza.kids) == 1 && stanza.kids[0].name == xml.Name{Space: nsPing, Local: "ping"}
}

// fromScript reports whether a stanza comes from the rooms of this script, or was sent by one of its
// clients. Others are no part of it, such as presence of contacts, notices of the server, and what
// a room of the last script said when its clients logged out.
func (n *network) fromScript(stanza *node) bool {
	from, _ := stanza.attr(fromName)
	bare, _, _ := strings.Cut(from, "/")
	who, err := muc.ParseJID(bare)
	switch {
	case err != nil:
		return false
	case who.Domain() == n.names.rooms:
		return who.IsDomain() || strings.HasSuffix(who.Local(), "-"+n.names.tag)
	case stanza.name.Local == "presence" || slices.ContainsFunc(stanza.kids, func(k *node) bool { return k.name.Space == nsPubSub }):
		return false
	}
	return slices.Contains(slices.Collect(maps.Values(n.names.accounts)), who)
}

// isResult reports whether an answer is no error.
func (n *node) isResult() bool {
	kind, _ := n.attr(xml.Name{Local: "type"})
	return kind == "result"
}

// condition is that of an error, or "".
func (n *node) condition() string {
	for _, kid := range n.kids {
		if kid.name.Local != "error" {
			continue
		}
		for _, c := range kid.kids {
			if c.name.Space == nsStanzas && c.name.Local != "text" {
				return c.name.Local
			}
		}
	}
	return ""
}

// unsign takes off who did it. The host acts in the room's name or none, and who stands in for
// it does so in a name of their own.
func unsign(stanza *node) {
	from, _ := stanza.attr(fromName)
	room, _, _ := strings.Cut(from, "/")
	for _, x := range stanza.kids {
		if x.name != (xml.Name{Space: nsUser, Local: "x"}) {
			continue
		}
		for _, kid := range x.kids {
			for i := len(kid.attrs) - 1; i >= 0 && kid.name.Local == "invite"; i-- {
				if kid.attrs[i].Name == fromName {
					kid.attrs[i].Value = room
				}
			}
			for i := len(kid.kids) - 1; i >= 0; i-- {
				if kid.kids[i].name.Local == "actor" {
					kid.kids = slices.Delete(kid.kids, i, i+1)
					kid.texts = slices.Delete(kid.texts, i, i+1)
				}
			}
		}
	}
}
