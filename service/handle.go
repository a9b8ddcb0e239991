package service

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/stanza"
)

// Handle takes a stanza off the wire that is addressed to the domain, to a room or to
// somebody in one, and returns at once: a room answers later, by
// Config.Deliver. What is addressed to the domain itself is answered before Handle
// returns.
//
// The host must know that from is who sent it: the full JID of an authenticated session. What
// the element itself says is replaced by that. The element belongs to the service from
// now on and must not be changed.
//
// A session to which a message could not be delivered may be gone, or block the sender: the
// room pings it (XEP-0199), at most once a minute, and if the ping fails too, it is as if
// the host had called [Service.Vanished].
//
// Errors are the host's: [muc.ErrNilStanza], [muc.ErrNotStanza], [muc.ErrNoFrom] for a
// zero address, [muc.ErrNotForRoom] for a stanza to another domain, [ErrClosed], [ErrNotOwner]
// (see Config.Owns), or that of the context. Then nobody was answered. Whatever else is wrong is told to the sender.
func (s *Service) Handle(ctx context.Context, from muc.JID, el *etree.Element) error {
	_, err := s.take(ctx, &incoming{from: from}, el, nil)
	return err
}

// Submit is Handle for a host that keeps what it takes until it is done, and submits it again,
// perhaps to another service, if it does not hear of that. It numbers the stanzas of a source,
// such as one of its connections, 1, 2, 3… with gaps as it likes: those for one room come in this
// order, and one whose number is not above the last that the room has done is not done again.
// Rooms remember numbers together with what became of them, as long as they do themselves: with
// Config.Live through the death of the process, else as long as they are in memory. Of a stanza
// from which nothing came that is stored, the number may be forgotten; doing it again does no
// harm. A room that cannot be loaded does not know what it has done: who sent a request that is
// submitted again then is told that it failed, also if it was answered before. A source without a
// name has no numbers.
//
// If Submit returns nil, done is called once, from any goroutine, perhaps before that; it must
// not wait. Its argument is nil when all that came of the stanza is stored and delivered, when
// it was refused and the sender told why, or when it had been done before; [ErrNotOwner] or
// [ErrClosed] when it was not done and nobody was told; else an error of [muc.Room.Handle], for
// something that no room takes. If Submit returns an error, which is one of Handle, done is
// never called.
func (s *Service) Submit(ctx context.Context, from muc.JID, el *etree.Element, source string, number uint64, done func(error)) error {
	in := &incoming{from: from}
	if source != "" {
		in.source = &Source{source, number}
	}
	waits, err := s.take(ctx, in, el, func(_ muc.Effects, err error) { done(err) })
	if err == nil && !waits {
		done(nil)
	}
	return err
}

// take takes a stanza. If it waits in the queue of a room, done is told its end.
func (s *Service) take(ctx context.Context, in *incoming, el *etree.Element, done func(muc.Effects, error)) (waits bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = guarded(func() (err error) {
		waits, err = s.handle(ctx, in, el, done)
		return err
	})
	if errors.Is(err, errPanic) {
		s.cfg.Log.Error("a hook of the host panicked", "from", in.from, "to", in.to, "error", err)
		return false, s.apologize(ctx, in)
	}
	return waits, err
}

// handle is take, as far as no hook panics.
func (s *Service) handle(ctx context.Context, in *incoming, el *etree.Element, done func(muc.Effects, error)) (waits bool, err error) {
	room, err := s.read(in, el)
	if err != nil {
		return false, err
	}
	s.cfg.Observer.Received()
	switch {
	case in.to.IsZero():
		in.to = s.domain
		s.refuse(ctx, in, &muc.StanzaError{Condition: stanza.JIDMalformed, Text: "No room can have this address."})
		return false, nil
	case room.IsZero():
		s.answer(ctx, in)
		return false, nil
	}
	if s.isPong(in) {
		switch {
		case in.typ == "result":
			return false, nil
		case stanzaerror.ReachOf(in.condition()) == stanzaerror.Doubtful:
			return false, s.Vanished(ctx, in.from)
		}
		in.el.Tag = "presence" // another error is for the room to judge, as what bounces is
	}
	in.size = sizeOf(el)
	err = s.enqueue(room, call{stanza: in, done: done})
	if e, ok := err.(*muc.StanzaError); ok {
		s.refuse(ctx, in, e)
		return false, nil
	}
	if err == nil {
		s.askIfThere(ctx, in, room)
	}
	return err == nil, err
}

// apologize answers a stanza that came to nothing by a fault of the host.
func (s *Service) apologize(ctx context.Context, in *incoming) error {
	if in.from.IsZero() {
		return nil
	}
	if in.to.IsZero() { // a hook panicked before it was known what the address means
		if in.to, _ = muc.ParseJID(in.el.SelectAttrValue("to", "")); in.to.IsZero() {
			in.to = s.domain
		}
	}
	s.refuse(ctx, in, broken())
	return nil
}

// read finds out whom a stanza is for: a room, or, if that is zero, the domain
// itself. An address that cannot be read is zero.
func (s *Service) read(in *incoming, el *etree.Element) (room muc.JID, err error) {
	if el == nil {
		return room, muc.ErrNilStanza
	}
	if el.Tag != "message" && el.Tag != "presence" && el.Tag != "iq" {
		return room, muc.ErrNotStanza
	}
	*in = incoming{from: in.from, source: in.source, el: el, typ: el.SelectAttrValue("type", ""), id: el.SelectAttrValue("id", "")}
	bare, nick, _ := strings.Cut(el.SelectAttrValue("to", ""), "/")
	local, domain, hasLocal := strings.Cut(bare, "@")
	if !hasLocal {
		local, domain = "", bare
	}
	if domain, err = s.cfg.Room.NormalizeDomain(domain); err != nil || domain != s.cfg.Domain {
		return room, muc.ErrNotForRoom
	}
	if in.from.IsZero() {
		return room, muc.ErrNoFrom
	}
	says := func(a etree.Attr) bool { return a.Space == "" && a.Key == "from" && a.Value == in.from.String() }
	if !slices.ContainsFunc(el.Attr, says) {
		el.CreateAttr("from", in.from.String())
	}
	if !hasLocal {
		in.to = s.domain
		return room, nil
	}
	room, err = muc.ParseJID(local + "@" + domain)
	if err != nil {
		return muc.JID{}, nil
	}
	in.to = occupantIn(room, nick)
	return room, nil
}

// occupantIn is the address of somebody in a room; the room's own if there is no nick,
// or none that an address can have.
func occupantIn(room muc.JID, nick string) muc.JID {
	if full, err := room.WithResource(nick); err == nil {
		return full
	}
	return room
}

// payload is the first child of a request, and its namespace.
func (in *incoming) payload() (ns string, child *etree.Element) {
	kids := in.el.ChildElements()
	if len(kids) == 0 {
		return "", nil
	}
	return kids[0].NamespaceURI(), kids[0]
}
