// Package cluster runs the rooms of one domain on several nodes, so that rooms outlive the
// machine on which they are, with everybody inside.
//
// Each room belongs to one of 256 shards ([ShardOf]), and each shard to one node at a time. What
// happens in a room is stored in a replicated [Log] before anybody is told. When a node dies,
// others take its shards over: they read the rooms from the log, do again what may not have been
// delivered, which gives the same bytes, and go on. Two nodes that both believe to own a room
// cannot both write: each message names the one that it comes after, and who takes a room
// over writes a claim with the number of its ownership first.
//
// What is below, the engine, is a [Log], [Owners] and a [Bus]. Package cluster/nats, a module of
// its own, has them on NATS JetStream; [Memory] is one for tests. Package enginetest has the tests
// that each engine should pass.
package cluster
