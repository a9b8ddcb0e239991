package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if !isOther() {
		os.Exit(m.Run())
	}
}

// All that is measured is done, with few rooms: nobody looks at the times.
func TestScale(t *testing.T) {
	require.NoError(t, run(t.Context(), options{servers: 1, rooms: 300, inside: 30, large: 10, messages: 20, dir: t.TempDir()}))
}
