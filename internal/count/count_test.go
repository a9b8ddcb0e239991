package main

import "testing"

// TestMeasures does two steps of each measure, without counting them.
func TestMeasures(t *testing.T) {
	for _, m := range measures {
		t.Run(m.name, func(t *testing.T) { measured(min(2, m.times), m.prepare()) })
	}
}
