package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/tour.txt instead of checking it")

// The tour is the same each time, and fits a terminal. After a wanted change:
// go test ./examples/tour -update
func TestTour(t *testing.T) {
	const golden = "testdata/tour.txt"
	var got bytes.Buffer
	require.NoError(t, tour(&got))
	if *update {
		require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String(), "is the change wanted? then: go test ./examples/tour -update")
	for line := range strings.SplitSeq(got.String(), "\n") {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), columns, line)
		assert.NotContains(t, line, "\x1b", "colour")
	}
	assert.Regexp(t, `\nsnapshots equal: [0-9a-f]+\n$`, got.String())
}

// A room that is another one is noticed, whichever event is lost.
func TestTourNoticesALoss(t *testing.T) {
	h, err := play(io.Discard)
	require.NoError(t, err)
	whole := h.log
	for i := range whole {
		h.log = slices.Delete(slices.Clone(whole), i, i+1)
		assert.Error(t, h.rebuild(), "without event %d", i)
	}
}
