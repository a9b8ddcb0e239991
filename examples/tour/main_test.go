package main

import (
	"bytes"
	"flag"
	"os"
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
