package sqlitestore

import (
	"context"
	"fmt"

	"github.com/gomuc/muc"
)

// Check reads the whole file and tells what is wrong with it below the level of rooms, of
// which [service.Check] tells: pages and indexes that are damaged, lines that belong to no room,
// messages in the archive that are no JSON. It changes nothing. An error is that of ctx, or of
// a file that cannot be read at all.
func (s *Store) Check(ctx context.Context, wrong func(error)) error {
	for _, question := range []struct{ query, sound string }{
		{`PRAGMA integrity_check`, "ok"},
		{`SELECT 'a line of ' || "table" || ' belongs to no room' FROM pragma_foreign_key_check`, ""},
		{`SELECT count(*) || ' messages in the archive of ' || room.jid || ' cannot be read'
			FROM archive JOIN room ON room.id = archive.room WHERE NOT json_valid(body) GROUP BY room.id`, ""},
	} {
		rows, err := s.searcher.QueryContext(ctx, question.query)
		if err != nil {
			return s.explain(err)
		}
		for rows.Next() {
			var said string
			if err := rows.Scan(&said); err != nil {
				rows.Close()
				return s.explain(err)
			}
			if said != question.sound {
				wrong(fmt.Errorf("%w: %s", muc.ErrCorrupt, said))
			}
		}
		if err := rows.Err(); err != nil {
			return s.explain(err)
		}
	}
	return nil
}
