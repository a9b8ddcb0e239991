package main

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// element writes a stanza.
func element(tag, typ, to, body, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<%s to='%s'", tag, escaped(to))
	if typ != "" {
		fmt.Fprintf(&b, " type='%s'", typ)
	}
	b.WriteString(">" + more)
	if body != "" {
		b.WriteString("<body>" + escaped(body) + "</body>")
	}
	fmt.Fprintf(&b, "</%s>", tag)
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// witness writes what one person hears, and what others hear alone.
type witness struct {
	of  muc.JID
	mu  sync.Mutex
	out io.Writer
}

func (w *witness) hears(to muc.JID, el *etree.Element) {
	from, _ := muc.ParseJID(el.SelectAttrValue("from", ""))
	name := cmp.Or(from.Resource(), "the room")
	typ := el.SelectAttrValue("type", "")
	body := el.SelectElement("body")
	item := el.FindElement("x/item")
	switch {
	case typ == "error":
		w.write("  (%s is told: %s)", to.Local(), el.FindElement("error/text").Text())
	case typ == "chat" && body != nil:
		w.write("  (%s to %s: %s)", name, to.Local(), body.Text())
	case to != w.of:
	case typ == "groupchat" && body != nil:
		w.write("%s: %s", name, body.Text())
	case typ == "unavailable" && el.FindElement("x/status[@code='307']") != nil:
		w.write("* %s puts %s out: %s", item.FindElement("actor").SelectAttrValue("nick", "nobody"), name, item.FindElement("reason").Text())
	}
}

// network is what people of the other network hear.
func (w *witness) network(line string) { w.write("irc| %s", line) }

func (w *witness) write(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, format+"\n", args...)
}

// roomPlace is a room with the bot in it, and nothing else.
type roomPlace struct {
	*InRoom
	w *witness
}

func inRoomPlace(w *witness) (place, error) {
	h, err := newInRoom(time.Now(), w.network)
	return &roomPlace{h, w}, err
}

func (p *roomPlace) hand(from muc.JID, text string) error {
	el, err := stanza.Parse([]byte(text), stanza.Stream{})
	if err != nil {
		return err
	}
	el.CreateAttr("from", from.String())
	return p.tell(p.Handle(time.Now(), el))
}

func (p *roomPlace) bridged(name, text string) error {
	enter, err := p.bridge.Enter(name)
	if err == nil {
		err = p.tell(p.Do(time.Now(), enter))
	}
	if err == nil {
		err = p.tell(p.Do(time.Now(), p.bridge.Speak(name, text)))
	}
	return err
}

func (p *roomPlace) tell(sent []muc.Outbound, err error) error {
	for _, out := range sent {
		for _, to := range out.To() {
			p.w.hears(to, out.Stanza())
		}
	}
	return err
}

func (p *roomPlace) close() error { return nil }

// servicePlace is a service, with the bot beside its rooms or as one of the clients.
type servicePlace struct {
	w      *witness
	rooms  *service.Service
	cancel context.CancelFunc
	beside *InService // or nil
	client *AsClient  // or nil
}

func inServicePlace(w *witness) (place, error) {
	p := &servicePlace{w: w}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := newInService(ctx, new(service.Memory), p.deliver, w.network)
	if err != nil {
		cancel()
		return nil, err
	}
	p.rooms, p.beside, p.cancel = s.rooms, s, cancel
	return p, nil
}

// asClientPlace is a service of somebody else's, who has made the bot's account an admin of
// the room and judges nothing. In this program the stanzas of the bot go from hand to hand;
// to a real service they go through a library for clients.
func asClientPlace(w *witness) (place, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &servicePlace{w: w, cancel: cancel}
	p.client = &AsClient{room: cellar, jid: botJID, send: func(el *etree.Element) {
		if err := p.rooms.Handle(ctx, botJID, el); err != nil {
			w.write("the bot's connection breaks: %v", err)
		}
	}}
	var err error
	p.rooms, err = service.New(ctx, service.Config{Domain: cellar.Domain(), Room: muc.Config{Secret: secret}, Store: new(service.Memory), Deliver: p.deliver})
	for _, cmd := range beginning[:2] { // without a puppet
		if err == nil {
			_, err = p.rooms.Do(ctx, cellar, cmd)
		}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	p.client.Enter()
	return p, nil
}

func (p *servicePlace) deliver(_ context.Context, s service.Stanza) {
	for _, to := range s.To() {
		if p.client != nil && to == botJID {
			p.client.Receives(time.Now(), s.Stanza())
			continue
		}
		p.w.hears(to, s.Stanza())
	}
}

func (p *servicePlace) hand(from muc.JID, text string) error {
	el, err := stanza.Parse([]byte(text), stanza.Stream{})
	if err == nil {
		err = p.rooms.Handle(context.Background(), from, el)
	}
	if err != nil {
		return err
	}
	return p.settle()
}

// bridged: beside a service the bridge is what it is in a room; a client brings nobody in.
func (p *servicePlace) bridged(name, text string) error {
	if p.beside == nil {
		p.w.write("  (a client cannot bring %s in)", name)
		return nil
	}
	enter, err := p.beside.bridge.Enter(name)
	for _, cmd := range []muc.Command{enter, p.beside.bridge.Speak(name, text)} {
		if err == nil {
			_, err = p.rooms.Do(context.Background(), cellar, cmd)
		}
	}
	return err
}

// settle waits until the room has done what it was given, the bot has heard of it, and the
// room has done what the bot wants: that is all, because nobody answers the bot.
func (p *servicePlace) settle() error {
	for range 3 {
		if err := p.rooms.Read(context.Background(), cellar, func(*muc.Room) {}); err != nil {
			return err
		}
		if p.beside != nil {
			done := make(chan struct{})
			p.beside.todo <- func() { close(done) }
			<-done
		}
	}
	return nil
}

func (p *servicePlace) close() error {
	err := p.rooms.Shutdown(context.Background(), "the evening is over")
	p.cancel()
	return err
}
