package service

import (
	"context"
	"fmt"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/xmlwire"
)

// Offline tells all rooms in which a session is that it has ended in good order: each
// takes the session's unavailable presence as if it had been sent there, so that the others
// see it leave (XEP-0045 §7.14). After a connection that broke, [Service.Vanished]
// is right. Rooms do it after what they were given before, and Offline does not wait for
// them. A session that is not inside anywhere is no error.
//
// The presence may be nil. Its type and addresses do not matter, and Offline neither keeps
// nor changes it. What a room would refuse in it is not passed on, nor one larger than
// Limits.SenderBytes; the session leaves all the same.
//
// Errors are [muc.ErrNoFrom] if who is not a full JID, [muc.ErrNotStanza] for an element
// that is no presence, [ErrClosed], or that of the context.
func (s *Service) Offline(ctx context.Context, who muc.JID, presence *etree.Element) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if who.IsZero() || who.IsBare() {
		return fmt.Errorf("%w: %q is not the full JID of a session", muc.ErrNoFrom, who)
	}
	leaves := &task{as: who, goodbye: goodbye(who, etree.NewElement("presence"))}
	if presence != nil {
		if space, ok := xmlwire.RootSpace(presence); !ok || presence.Tag != "presence" || !xmlwire.IsContent(space) {
			return muc.ErrNotStanza
		}
		if sizeOf(presence) <= s.cfg.Limits.SenderBytes {
			leaves.goodbye = goodbye(who, presence)
		}
	}
	s.unwatchActivity(who)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	for r := range s.reached(who) {
		s.add(r, call{task: leaves})
	}
	return nil
}

// goodbye is a copy of a presence as the unavailable presence of a session to nobody yet.
func goodbye(who muc.JID, presence *etree.Element) *etree.Element {
	el := presence.Copy()
	attrs := el.Attr[:0]
	for _, a := range el.Attr {
		if a.Space != "" || a.Key != "type" && a.Key != "from" && a.Key != "to" {
			attrs = append(attrs, a)
		}
	}
	el.Attr = attrs
	el.CreateAttr("type", "unavailable")
	el.CreateAttr("from", who.String())
	return el
}

// addressedTo is a copy of a presence to a room. Rooms read it at the same time, so none
// may write to it.
func addressedTo(room muc.JID, presence *etree.Element) *etree.Element {
	el := presence.Copy()
	el.CreateAttr("to", room.String())
	return el
}
