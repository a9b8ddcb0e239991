package sqlitestore

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// Check finds what is wrong below the level of rooms.
func TestCheck(t *testing.T) {
	a := newArchived(t)
	a.says(rand.New(rand.NewPCG(1, 2)), 20)
	check := func() (found []string) {
		require.NoError(t, a.store.Check(t.Context(), func(err error) {
			assert.ErrorIs(t, err, muc.ErrCorrupt)
			found = append(found, err.Error())
		}))
		return found
	}
	assert.Empty(t, check())
	for _, damage := range []string{
		`UPDATE archive SET body = 'cats' WHERE id IN (SELECT id FROM archive LIMIT 2)`,
		`PRAGMA foreign_keys = OFF`,
		`INSERT INTO event VALUES (4711, 1, '{}')`,
		`PRAGMA writable_schema = ON`,
		`DELETE FROM sqlite_schema WHERE name = 'archive_time'`,
		`PRAGMA schema_version = 1000`, // so that others look
	} {
		_, err := a.store.writer.Exec(damage)
		require.NoError(t, err)
	}
	found := check()
	require.NotEmpty(t, found)
	assert.Contains(t, found, "muc: corrupt log: a line of event belongs to no room")
	assert.Contains(t, found, "muc: corrupt log: 2 messages in the archive of "+a.jid.String()+" cannot be read")
	assert.Regexp(t, "never used", found[0], "the pages of the index")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, a.store.Check(ctx, nil), context.Canceled)
}
