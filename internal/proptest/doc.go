// Package proptest holds the promises of package muc as properties, checked on
// random histories of rooms:
//
//	go test ./internal/proptest/... -rapid.checks=2000 -v
//
// A history is a list of steps: stanzas of several users with several sessions
// and nicks, well-formed and hostile, commands of the host, and time. After each
// step every property is checked; a history that breaks one is shrunk and printed
// step by step. FuzzRoom plays shorter ones, led by the fuzzer; the other fuzz targets hand
// one stanza, form, snapshot or event of any kind to a busy room. With -v it is told how many operations were played, and what came of
// them. docs/reliability.md lists the promises and where they are checked.
package proptest
