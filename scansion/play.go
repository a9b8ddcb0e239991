package scansion

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// Play plays a script from an empty service on, or, with [Options.Dial], against a server
// over the network. It returns nil if everything came as expected, a [*Failure] if not, and a
// [*SyntaxError] if a header line asks for a setting that is not there; over the network also
// a [*Skipped] and a [*NetworkError].
func Play(s *Script, o Options) error {
	p, err := newPlayer(s, o)
	if err != nil {
		return err
	}
	p.trace.begin(s)
	defer p.stage.end()
	if err := p.stage.begin(); err != nil {
		return err
	}
	for i := range p.actions {
		a := &p.actions[i]
		p.trace.comment(a.comment)
		if err := p.perform(a); err != nil {
			return p.blame(a, err)
		}
	}
	if !p.mode.skipsNothing() {
		return nil
	}
	if err := p.stage.settle(); err != nil {
		return p.blame(p.current, err)
	}
	return p.nothingLeft()
}

// player is a script while it is played.
type player struct {
	script  *Script
	actions []action
	mode    Mode
	stage   stage
	service *service // the stage, if it is in this process
	users   []*user
	vars    vars
	trace   *tracer
	host    map[string]Command
	// current is the action that is performed.
	current *action
}

// user is a client while a script is played.
type user struct {
	Client
	connected bool
	// inbox is what came and was not asked for yet.
	inbox []mail
	// passed is what an expectation went past.
	passed []mail
}

// mail is a stanza that came.
type mail struct {
	stanza *node
	// cause is the action it is an effect of.
	cause *action
	// passedBy is the expectation that went past it.
	passedBy *action
}

func newPlayer(s *Script, o Options) (*player, error) {
	cfg, err := configure(s, o)
	if err != nil {
		return nil, err
	}
	p := &player{script: s, actions: slices.Clone(s.actions), mode: o.Mode, vars: vars{}, host: commands(o), trace: newTracer(o.Trace)}
	if s.mode != nil {
		p.mode = *s.mode
	}
	if o.Dial == nil {
		p.service = newService(cfg, o, p)
		p.stage = p.service
	} else {
		p.stage = newNetwork(o, p)
	}
	for _, c := range s.Clients {
		p.users = append(p.users, &user{Client: c})
		bare, full := jidNames(c.Name)
		p.vars[bare], p.vars[full] = c.JID.Bare().String(), c.JID.String()
	}
	return p, nil
}

// perform carries out one action. What happens takes a second; to look at what
// came takes no time, so that a further expectation changes no time stamp.
func (p *player) perform(a *action) error {
	p.current = a
	switch a.verb {
	case verbReceives:
		return p.receives(p.users[a.client], a)
	case verbReceivesNothing:
		return p.receivesNothing(p.users[a.client])
	}
	if err := p.stage.tick(); err != nil {
		return err
	}
	p.trace.action(p.stage.clock(), a.text)
	switch a.verb {
	case verbConnects:
		return p.connects(p.users[a.client])
	case verbDisconnects:
		return p.disconnects(p.users[a.client])
	case verbSends:
		return p.sends(p.users[a.client], a)
	case verbTimePasses:
		err := p.stage.pass(a.pause)
		p.trace.note("it is now " + p.stage.clock().Format(time.DateTime))
		return err
	case verbHost:
		return p.hostActs(a)
	default:
		return p.stage.reply(a)
	}
}

func (p *player) connects(u *user) error {
	if u.connected {
		return fmt.Errorf("%s is connected already", u.Name)
	}
	u.connected = true
	return p.stage.connect(u)
}

// disconnects ends a session without a word from the client.
func (p *player) disconnects(u *user) error {
	if !u.connected {
		return fmt.Errorf("%s is not connected", u.Name)
	}
	u.connected = false
	return p.stage.disconnect(u)
}

func (p *player) sends(u *user, a *action) error {
	if !u.connected {
		return fmt.Errorf("%s is not connected", u.Name)
	}
	stanza := a.send.Copy()
	p.fillIn(stanza)
	p.trace.sent(stanza)
	address := stanza.SelectAttrValue("to", "")
	if address == "" {
		p.trace.note("for the sender's own server, which is not played")
		return nil
	}
	// What stands behind the slash of a room's address is for the room to judge.
	bare, _, _ := strings.Cut(address, "/")
	to, err := muc.ParseJID(bare)
	if err == nil && p.isUserDomain(to.Domain()) {
		to, err = muc.ParseJID(address)
	}
	if err != nil {
		return fmt.Errorf("the host would not route this: %w", err)
	}
	return p.stage.send(u, to, stanza)
}

// isUserDomain reports whether clients live on a domain. On all others there
// are rooms.
func (p *player) isUserDomain(domain string) bool {
	return slices.ContainsFunc(p.users, func(u *user) bool { return u.JID.Domain() == domain })
}

// fillIn puts in what the references in a stanza stand for.
func (p *player) fillIn(el *etree.Element) {
	for i := range el.Attr {
		el.Attr[i].Value = mustTemplate(el.Attr[i].Value).expand(p.vars)
	}
	for _, token := range el.Child {
		if data, ok := token.(*etree.CharData); ok {
			data.SetData(mustTemplate(data.Data).expand(p.vars))
		}
	}
	for _, child := range el.ChildElements() {
		p.fillIn(child)
	}
}

// recipients are the connected clients that mail to an address reaches.
func (p *player) recipients(to muc.JID) []*user {
	var reached []*user
	for _, u := range p.users {
		if u.connected && (u.JID == to || u.JID.Bare() == to) {
			reached = append(reached, u)
		}
	}
	return reached
}

// addressee says for people whom mail to an address reaches.
func (p *player) addressee(to muc.JID) string {
	var names []string
	for _, u := range p.recipients(to) {
		names = append(names, u.Name)
	}
	if len(names) == 0 {
		return to.String() + " (not connected)"
	}
	return strings.Join(names, ", ")
}

func (p *player) deliver(to muc.JID, n *node) {
	for _, u := range p.recipients(to) {
		u.inbox = append(u.inbox, mail{stanza: n, cause: p.current})
	}
}

// receives looks for what is expected in what came, and waits for more where the stage can
// have more.
func (p *player) receives(u *user, a *action) error {
	for {
		err := p.finds(u, a)
		if err == nil || p.mode.skipsNothing() && len(u.inbox) > 0 {
			return err
		}
		if more, lost := p.stage.more(u); lost != nil {
			return lost
		} else if !more {
			return err
		}
	}
}

// finds looks for what is expected in what came already.
func (p *player) finds(u *user, a *action) error {
	m := matcher{p.mode, p.vars}
	candidates := u.inbox
	if p.mode.skipsNothing() && len(candidates) > 1 {
		candidates = candidates[:1]
	}
	for i, c := range candidates {
		v := m.stanza(a.expect, c.stanza)
		if !v.matches() {
			continue
		}
		for name, value := range v.captured {
			p.vars[name] = value
		}
		for _, passed := range u.inbox[:i] {
			passed.passedBy = a
			u.passed = append(u.passed, passed)
		}
		u.inbox = u.inbox[i+1:]
		return nil
	}
	return p.notReceived(u, a, m, candidates)
}

func (p *player) receivesNothing(u *user) error {
	if err := p.stage.settle(); err != nil {
		return err
	}
	if len(u.inbox) == 0 {
		return nil
	}
	return &Failure{Reason: "something came", Came: listing(u.inbox, p.current.file)}
}

// nothingLeft is the end of an exact script.
func (p *player) nothingLeft() error {
	var who []string
	var left []mail
	for _, u := range p.users {
		if len(u.inbox) > 0 {
			who = append(who, u.Name)
			left = append(left, u.inbox...)
		}
	}
	if len(left) == 0 {
		return nil
	}
	cause := left[0].cause
	return &Failure{
		File: cause.file, Line: cause.line, IncludedAt: cause.includedAt, Action: "at the end of the script",
		Reason: fmt.Sprintf("nobody expected what %s got", strings.Join(who, " and ")),
		Came:   listing(left, cause.file),
	}
}

// blame gives an error its place in the script.
func (p *player) blame(a *action, err error) error {
	if skipped := (*Skipped)(nil); errors.As(err, &skipped) {
		p.trace.note("SKIPPED: " + skipped.Reason)
		return skipped
	}
	var f *Failure
	if !errors.As(err, &f) {
		f = &Failure{Reason: err.Error(), err: err}
	}
	f.File, f.Line, f.IncludedAt, f.Action = a.file, a.line, a.includedAt, a.text
	p.trace.note("FAILED: " + f.Reason)
	return f
}
