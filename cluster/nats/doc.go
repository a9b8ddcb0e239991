// Package nats is an engine for package cluster: rooms are kept in NATS JetStream, each message on a
// majority of the servers, and nodes talk to each other over Core NATS. [Open] connects and makes the
// streams.
//
// The servers must have sync_interval: always, or acknowledged messages are lost when machines
// lose their power; Open refuses others. docs/cluster.md says how to run them, what JetStream is weak
// at and what follows from that. Package embedded runs a server in the process.
//
// # What is stored
//
// With the prefix muc and one log stream:
//
//	stream     subject                    message
//	MUC_LOG_1  muc.log.<shard>.<token>    a step, snapshot, claim or end of a room
//	           muc.part.<shard>.<token>   a piece of a message that is too large for one
//	MUC_DIR    muc.dir.<shard>.<token>    the room's line in the list, of which the last counts
//	MUC_META   muc.own.<shard>            the node that owns the shard; its sequence is the epoch
//	           muc.mark.<shard>           up to where the shard was delivered
//	–          muc.bus.<subject>          what nodes tell each other; not stored
//
// The token is base64url of the room's localpart; "=" in its place, and muc.now, are of no room: who
// stores a message there and finds it in a copy has found all that was stored before.
//
// Headers: Muc-Id is random, of one append; Muc-Epoch and Muc-Kind are of the message; Muc-Parts
// says how many pieces there are, where the first is, and the SHA-256 of the whole body; Muc-Piece is
// the number of a piece; Muc-At the position of which an entry tells. JetStream's own
// Nats-Expected-Last-Subject-Sequence fences a room: a message is stored only after the one that it
// names. It stays with the message, so that who reads sees whether one is missing.
package nats
