package importer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// What is of other hosts, or cannot be read, counts too: it is kept until all has been read.
func TestBoundsOfDumps(t *testing.T) {
	for record, says := range map[string]string{
		`{muc_room,{<<"cellar">>,<<"%d.example">>},[]}`:                                          "too many rooms",
		`{muc_registered,{{<<"romeo">>,<<"montague.example">>},<<"%d.example">>},<<"Romeo">>}`:   "too many registered nicks",
		`{archive_msg,{<<"%d">>,<<"rooms.example">>},<<"1">>,never,a,b,c,<<"Romeo">>,groupchat}`: "too many messages",
	} {
		dump := "{tables,[]}.\n"
		for i := range 3 {
			dump += fmt.Sprintf(record, i) + ".\n"
		}
		file := filepath.Join(t.TempDir(), "dump")
		require.NoError(t, os.WriteFile(file, []byte(dump), 0o600))
		_, err := openDump(t.Context(), file, "", bounds{2, 2, 2})
		assert.ErrorIs(t, err, ErrTooMany)
		assert.ErrorContains(t, err, says)

		long := strings.ReplaceAll(fmt.Sprintf(record, 0), "0", strings.Repeat("0", 2000))
		require.NoError(t, os.WriteFile(file, []byte("{tables,[]}.\n"+dumpedCellar+".\n"+long+".\n"), 0o600))
		src, err := openDump(t.Context(), file, "", standard)
		require.NoError(t, err)
		assert.Equal(t, []string{"1 records of the dump cannot be read"}, src.Left())
		require.NoError(t, src.Close())
	}
}

const dumpedCellar = `{muc_room,{<<"cellar">>,<<"rooms.example">>},[]}`
