// Package service runs many rooms of package muc on one domain, without a network.
//
// A host gives it the stanzas that are addressed to the domain ([Service.Handle])
// and gets what is to be sent ([Config.Deliver]). The service finds the room,
// loads it from a [Store] when it is needed and puts it aside when nobody is
// inside, makes its events durable before anything of them goes out, keeps the
// time for all rooms, and answers what is asked of the domain itself: what it is,
// which rooms there are (XEP-0045 §6.2, §6.3), a name that no room has (XEP-0307).
//
// # Rooms do not wait for each other
//
// A room does one thing at a time. Stanzas for it wait in its queue; a room that
// has something to do is given to a worker, which takes what waits, lets the room
// answer it, has it stored together with what other rooms have to store at that
// moment, delivers, and goes on to the next room. A room without work costs neither
// a goroutine nor a timer. Rooms share one thing, the store: while a write is
// under way, those that have something to store wait for the next one.
//
// # Backpressure
//
// Every queue has an end ([Limits]), in stanzas and in bytes. A stanza that finds no place is refused with
// resource-constraint, of type wait, and nothing has changed. One person has a
// share of each room's queue and of all queues together, so a flood from one is
// refused to that one. What it would not help to refuse (goodbyes, errors, answers)
// has as much place again. A Deliver that blocks holds up its own room only.
//
// In how many rooms a person is, how many they have created, what they ask of the host
// in all rooms, and what rooms hold in memory, is bounded as well.
//
// # When something fails
//
// Where a store does not take what became of a room, nothing of it goes out. The
// senders are told internal-server-error, as are those who wait for an answer of the
// host. Those who were inside before are told that they are out (332), and the room is
// made again from what is stored when it is next needed.
//
// A room that cannot be read answers internal-server-error. What is stored of it
// stays as it is, and reading it is tried again after a minute.
//
// A stanza that makes a room panic is a fault of the library, and a hook that
// panics one of the host. The service takes either like a failed store, so that it
// is that room's alone. A hook that panics outside of a room's step is logged, and
// the asker is told internal-server-error.
//
// After a restart rooms are there when somebody needs them, with nobody inside.
// Temporary rooms, and those that were never configured, have ended. With Config.Live rooms
// outlive the process, and a store that fails, with everybody inside.
package service
