package scansion

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a server answers from its archive, by itself and at once, is part of what comes of the question.
func TestJudgeArchiveOverNetwork(t *testing.T) {
	files, err := Files("../testdata/xep-0313-archive", "../testdata/xep-0424-retraction", "../testdata/xep-0425-moderation")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			script, err := ParseFile(file)
			require.NoError(t, err)
			cfg, err := configure(script, Options{})
			require.NoError(t, err)
			v, err := Judge(script, Options{Dial: newMemoryServer(t, cfg).dial,
				Network: Network{Rooms: memoryRooms, Settings: script.HeaderAll("config"), Wait: 5 * time.Minute, Script: 10 * time.Minute}})
			require.NoError(t, err)
			assert.Empty(t, v.Findings)
			if v.Skipped != "" {
				assert.Regexp(t, notOnWire, v.Skipped)
			}
		})
	}
}
