package importer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// There is an end to what is read.
func TestBounds(t *testing.T) {
	read := func(src Source) error {
		for _, err := range src.Rooms(context.Background()) {
			if err != nil {
				return err
			}
		}
		return src.Close()
	}
	for most, many := range map[bounds]bool{{2, 4, 0}: false, {1, 4, 0}: true, {2, 3, 0}: true} {
		src, err := openProsody("testdata/prosody", "", most)
		require.NoError(t, err)
		if many {
			assert.ErrorIs(t, read(src), ErrTooMany, most)
		} else {
			assert.NoError(t, read(src))
		}
	}
	for most, many := range map[bounds]bool{{2, 6, 1}: false, {1, 6, 1}: true, {2, 5, 1}: true, {2, 6, 0}: true} {
		src, err := openDump(t.Context(), "testdata/ejabberd.dump", "", most)
		if many {
			assert.ErrorIs(t, err, ErrTooMany, most)
			continue
		}
		require.NoError(t, err)
		assert.NoError(t, read(src))
	}
}
