package main

import "testing"

// What was heard is what the log says, but for what a snapshot replaced before it was read.
func TestFits(t *testing.T) {
	a, b, c, d := line{"1", "a"}, line{"2", "b"}, line{"3", "c"}, line{"4", "d"}
	heard := []line{a, b, c}
	for _, is := range []struct {
		what      string
		log       []line
		snapshots map[int]bool
		fits      bool
	}{
		{"all", heard, nil, true},
		{"a snapshot", heard, map[int]bool{1: true}, true},
		{"one replaced", []line{a, c}, map[int]bool{1: true}, true},
		{"the first replaced", []line{b, c}, map[int]bool{0: true}, true},
		{"the last replaced", []line{a, b}, map[int]bool{2: true}, true},
		{"one lost", []line{a, c}, nil, false},
		{"one lost elsewhere", []line{a, c}, map[int]bool{2: true}, false},
		{"the last lost", []line{a, b}, map[int]bool{1: true}, false},
		{"more than was heard", []line{a, b, c, d}, map[int]bool{3: true}, false},
		{"another one", []line{a, d, c}, map[int]bool{1: true}, false},
		{"another order", []line{b, a, c}, map[int]bool{0: true}, false},
	} {
		if fits(is.log, heard, is.snapshots) != is.fits {
			t.Error(is.what)
		}
	}
}
