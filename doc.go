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
// Effects.Durable durable, release Effects.Outbound and Effects.Questions in order,
// make the next call.
//
//	fx, err := room.Handle(time.Now(), stanza)   // from the wire
//	fx, err := room.Do(time.Now(), muc.Kick{…})  // by the host itself
//	fx, err := room.Tick(time.Now())             // what room.Deadline said is due
//
//	if err != nil { return err }                 // the host's fault; the room is unchanged
//	store.Append(fx.Durable)                     // 1. store; on failure drop the room and Restore it
//	for to, xml := range fx.Deliveries("") {     // 2. deliver, in this order
//		send(to, xml)
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
//
// # Storing
//
// An [Event] is durable or volatile. The durable ones alone are a valid log:
// [Restore] makes of them the room after a restart, with nobody inside. A
// [Durable] snapshot stands for the events up to its Seq. A [Live] snapshot, or
// all events, is the room in mid-conversation: it moves to another process and
// nobody inside notices.
//
// # Policy
//
// [Config] is the host's: limits on whatever people can make a room hold, rules
// for nicks, pure functions that may refuse what the rules of the room admit.
// [RoomConfig] is the owners', who change it with a form, or the host for them
// with [Configure]. What the room cannot know it asks: see [Question].
//
// # People
//
// A person is a bare JID with an [Affiliation], an occupant is a person's nick in
// the room with a [Role], a session is a client's full JID. An occupant has as
// many sessions as clients have joined under the nick. In a semi-anonymous room
// no byte that the room writes shows somebody's real JID to others than
// moderators, admins and owners; the host sees them in events, in [Occupant] and
// in the arguments of hooks.
package muc
