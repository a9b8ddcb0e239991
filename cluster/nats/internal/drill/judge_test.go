package main

import (
	"slices"
	"testing"

	"github.com/gomuc/muc/cluster"
)

// A log is put together of what snapshots took the place of. Where that is not known there is no log.
func TestWhole(t *testing.T) {
	a, b, c, d := line{"1", "a"}, line{"2", "b"}, line{"3", "c"}, line{"4", "d"}
	records := map[string]record{
		"one":   {First: "", Next: "one", Lines: []line{a}},
		"lost":  {First: "one", Next: "lost", Lines: []line{b}}, // was not stored
		"two":   {First: "one", Next: "two", Lines: []line{b, c}},
		"again": {First: "unknown", Next: "again"},
		"round": {First: "round", Next: "round"},
		"wrong": {First: "one", Next: "wrong", Wrong: "a claim is missing"},
	}
	for _, is := range []struct {
		what string
		now  tail
		log  []line
	}{
		{"no snapshot", tail{lines: []line{a, b}}, []line{a, b}},
		{"one", tail{first: "one", lines: []line{b}}, []line{a, b}},
		{"two", tail{first: "two", lines: []line{d}}, []line{a, b, c, d}},
		{"not known", tail{first: "three", lines: []line{d}}, nil},
		{"not known before", tail{first: "again"}, nil},
		{"wrong before", tail{first: "wrong"}, nil},
		{"wrong now", tail{wrong: "a claim is missing"}, nil},
		{"a circle", tail{first: "round"}, nil},
	} {
		log, err := whole(&is.now, records)
		if (err == nil) != (is.log != nil) || !slices.Equal(log, is.log) {
			t.Errorf("%s: %v, %v", is.what, log, err)
		}
	}
}

// Epochs begin with a claim, and do not run back.
func TestTail(t *testing.T) {
	type messages []cluster.Message
	m := func(kind cluster.Kind, epoch cluster.Epoch) cluster.Message {
		return cluster.Message{Kind: kind, Epoch: epoch, Body: []byte("{}")}
	}
	for what, is := range map[string]struct {
		log   messages
		wrong bool
	}{
		"one owner":             {messages{m(cluster.Step, 1), m(cluster.Step, 1)}, false},
		"another, with a claim": {messages{m(cluster.Step, 1), m(cluster.Claim, 2), m(cluster.Step, 2)}, false},
		"without one":           {messages{m(cluster.Step, 1), m(cluster.Step, 2)}, true},
		"a snapshot":            {messages{m(cluster.Step, 1), m(cluster.Snapshot, 2)}, true},
		"after the end":         {messages{m(cluster.Gone, 1), m(cluster.Step, 2)}, false},
		"an earlier one":        {messages{m(cluster.Step, 1), m(cluster.Claim, 2), m(cluster.Claim, 1)}, true},
	} {
		var log tail
		for i, m := range is.log {
			m.Pos = cluster.Pos(i + 1)
			if err := log.take(m); err != nil {
				t.Error(what, err)
			}
		}
		if (log.wrong != "") != is.wrong {
			t.Error(what, log.wrong)
		}
	}
}
