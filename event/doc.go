// Package event has what a room stores: the [Event], its bodies, the vocabulary that they
// use (affiliations, roles, the configuration of a room), and all of it in JSON.
//
// A host gets events in the effects of a call and stores them; a room is rebuilt from them.
// docs/events.md describes each type and its fields.
package event
