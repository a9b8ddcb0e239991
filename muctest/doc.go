// Package muctest tests the rules of rooms in Go: a room, a clock, clients that join
// and speak, and checks of what each of them receives. A conversation, one stanza after
// the other, is better written as a script of package scansion; Go is for the host's own
// rules, for loops, counts and tables.
//
//	func TestNoShouting(t *testing.T) {
//		room := muctest.New(t, muc.Config{Instant: true, Policy: policy.Rules{Speak: noShouting}})
//		romeo := room.Join("romeo@example.org/phone", "Romeo")
//		juliet := room.Join("juliet@example.org/pad", "Juliet")
//
//		romeo.Says("hello")
//		juliet.ReceivesOnly(muctest.Message("hello").From("Romeo"))
//		romeo.Says("hello!!!")
//		romeo.IsRefused("not-acceptable")
//	}
//
// # Acts and checks
//
// An act is one step of the room. Checks are about what the last act brought: whatever
// nobody looked at is no longer there to be checked after the next one. So a check
// never takes an old stanza for a new one, and nothing has to be cleared away.
//
//	room := muctest.New(t, muc.Config{Instant: true})    a room, at a fixed time
//	romeo := room.Join("romeo@example.org/pc", "Romeo")  a client, inside
//	tybalt := room.Client("tybalt@example.org/pc")       a client, outside
//
//	tybalt.Joins("Tybalt")                               enters, or is refused
//	romeo.Says("hello")                                  to everybody
//	romeo.Whispers("Tybalt", "psst")                     to an occupant
//	romeo.Leaves()
//	romeo.Sends(`<iq type='get' id='1'>…</iq>`)          any stanza; from and to are filled in
//	room.Handle(`<message from='…' to='…'/>`)            any stanza, as it is
//	room.Do(muc.Kick{Nick: "Tybalt"})                    the host itself
//	room.DoAs(romeo.JID, muc.Kick{Nick: "Tybalt"})       somebody, by the host
//	room.Advance(time.Minute)                            time passes, and what is due happens
//
//	romeo.Receives(muctest.Message("hello"))             among others
//	romeo.ReceivesOnly(a, b)                             these, in this order, and no more
//	romeo.ReceivesNothing()                              nothing but what was checked already
//	romeo.SeesNothingOf("tybalt@example.org")            in no byte of it
//	romeo.Received()                                     all of it as XML, to look for yourself
//	tybalt.IsRefused("forbidden")                        by an error, and nothing happened
//	room.Refuses(muc.ErrNotFound, muc.Kick{Nick: "x"})   the host's command, likewise
//	room.RefusesAs(tybalt.JID, err, muc.Destroy{})       somebody's
//
//	muctest.Message("hello").From("Romeo")               said to everybody; From("") is the room
//	muctest.Private("psst")                              said to the client alone
//	muctest.Subject("Feud")
//	muctest.Presence("Romeo").As(muc.Owner, muc.Moderator).JID("romeo@example.org/pc")
//	muctest.Unavailable("Romeo").Status(307).Actor("Juliet").Reason("duel")
//	muctest.Unavailable("Romeo").Status(303).Nick("Montague")
//	muctest.Status(104)                                  a message or a presence with these codes
//	muctest.Error("forbidden", "auth")                   and its text, if it matters: .Reason("…")
//	muctest.Presence("Romeo").With("<show>away</show>")  anything else in it
//	muctest.XML(`<iq type='result' id='1'/>`)            a stanza, written as in a script
//
//	muctest.Restore(t, cfg, nil, events)                 a room that was recorded
//	room.Restart()                                       the host stopped: nobody is inside
//	room.Move()                                          to another process: nobody notices
//	room.Twin()                                          another one, to go its own way from here
//	room.Events()                                        what a host would have stored, and more
//	room.State(), room.Occupants(), …                    all that a [muc.Room] tells
//
// Acts return the [muc.Effects] of the step, for whatever has no check of its own:
// questions to the host, events, which rule was broken.
//
// What is expected is matched as scansion matches a subset: what it names must be
// there, other things may be. Wildcards such as {scansion:any} are those of scripts.
//
// A check that fails is an error of the test, which goes on; an act that cannot be
// done, such as a command that is refused, ends it. A Room is for one goroutine.
package muctest
