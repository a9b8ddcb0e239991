// Package muc is server-side XMPP Multi-User Chat (XEP-0045) without a server:
// the rules of a room as a deterministic state machine that a host embeds.
//
// A [Room] takes parsed stanzas and returns what has to be sent and what has
// to be stored. It has no network, no goroutine, no lock, no clock and no
// randomness of its own: time is an argument, and the same calls give the same
// bytes.
//
// # The contract
//
// One owner calls a room, one step at a time: call the room, make
// Effects.Events durable, release Effects.Outbound and Effects.Asks in order,
// make the next call.
//
//	fx, err := room.Handle(time.Now(), stanza)   // from the wire
//	fx, err := room.Do(time.Now(), muc.Kick{…})  // by the host itself
//	fx, err := room.Tick(time.Now())             // what room.Deadline said is due
//
//	if err != nil { return err }                 // the host's fault; the room is unchanged
//	store.Append(fx.Events)                      // 1. durable; on failure drop the room and Restore it
//	for _, out := range fx.Outbound {            // 2. deliver, in this order
//		for _, to := range out.To() { send(to, out.AppendXML(nil, to, "")) }
//	}
//
// The host may call again before earlier events are durable (group commit), as
// long as what a call returned is released only after its own and all earlier
// durable events.
//
// # Whose fault
//
// The sender's fault is data: the error stanza is among Effects.Outbound, and
// Effects.Refused says which rule was broken. The host's fault is a Go error,
// and the room has not changed. There is no third kind.
//
// # Life cycle
//
// [New] gives an [Unborn] room. An acceptable join makes it live: [Locked]
// until its owner configures it, then [Open]. It ends [Destroyed]. Whatever
// happens to an unborn or destroyed room is answered as XEP-0045 says, never
// with a Go error; [Room.State] tells the host what is worth keeping.
package muc
