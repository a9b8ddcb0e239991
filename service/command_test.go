package service_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// rows: J26
func TestCreateRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			withAdmin(h)
			h.config.Room.Defaults = muc.RoomConfig{Hidden: true, Moderated: true, Name: "A room"}
		})
		form := fieldsOf(t, h.command(romeo, "create-room", ""))
		assert.Equal(t, []string{"A room", "0", "0"}, []string{form["name"], form["public"], form["membersonly"]})
		h.command(romeo, "create-room", "", "room", "cellar", "owner", "juliet@example.org/balcony", "name", "The cellar", "membersonly", "1")
		got := fieldsOf(t, h.command(romeo, "show-room", "", "room", "cellar"))
		assert.Equal(t, []string{"The cellar", "juliet@example.org", "0", "1", "1", "1"},
			[]string{got["name"], got["owners"], got["public"], got["lasting"], got["membersonly"], got["moderated"]})
		h.command(romeo, "create-room", "", "room", "attic", "owner", "juliet@example.org", "public", "1")
		assert.Equal(t, []string{"attic@chat.example, A room, 0, 1, 1, juliet@example.org"}, rowsOf(t, h.command(romeo, "list-rooms", "", "search", "attic")))
		refused(t, h.command(romeo, "create-room", "", "room", "cellar", "owner", "tybalt@example.org"), "conflict", "cancel")
		refused(t, h.command(romeo, "create-room", "", "room", "crypt", "owner", "example.org"), "bad-request", "modify")
		refused(t, h.command(romeo, "create-room", "", "room", "crypt"), "bad-request", "modify")
	})
}

// The host gives the commands of administrators itself.
func TestCommand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log strings.Builder
		h := newHost(t, func(h *host) { h.config.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		playhouse(h)
		give := func(node string, pairs ...string) (service.CommandResult, error) {
			values := map[string][]string{}
			for i := 0; i < len(pairs); i += 2 {
				values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
			}
			return h.service.Command(context.Background(), node, values)
		}
		all, err := give("list-rooms", "max_items", "2")
		require.NoError(t, err)
		assert.Equal(t, "room", all.Columns[0].Name)
		assert.Equal(t, []string{"balcony@chat.example", "The balcony", "0", "1", "1", "romeo@example.org"}, all.Rows[0])
		assert.Equal(t, "There are more rooms after cellar@chat.example.", all.Note)
		made, err := give("create-room", "room", "attic", "owner", "juliet@example.org")
		require.NoError(t, err)
		assert.Equal(t, "The room is made: attic@chat.example", made.Note)
		assert.Contains(t, log.String(), `room=attic@chat.example admin="the host"`)
		shown, err := give("show-room", "room", "attic")
		require.NoError(t, err)
		assert.Contains(t, shown.Fields, service.CommandField{Name: "owners", Label: "Owners", Values: []string{"juliet@example.org"}})
		for _, c := range []struct {
			condition stanza.Condition
			node      string
			fields    []string
		}{
			{stanza.ItemNotFound, "dance", nil},
			{stanza.ItemNotFound, "show-room", []string{"room", "nowhere"}},
			{stanza.BadRequest, "show-room", nil},
			{stanza.BadRequest, "show-room", []string{"room", "attic", "rooom", "x"}},
			{stanza.BadRequest, "change-owner", []string{"room", "attic", "owner", "romeo@example.org", "former", "kings"}},
			{stanza.BadRequest, "enter-room", []string{"room", "attic"}},
			{stanza.BadRequest, "destroy-room", []string{"room", "attic"}},
			{stanza.PolicyViolation, "show-room", []string{"room", "\x00"}},
			{stanza.PolicyViolation, announce, []string{"announcement", strings.Repeat("x", 16<<10+1)}},
		} {
			_, err := give(c.node, c.fields...)
			assert.ErrorIs(t, err, &muc.StanzaError{Condition: c.condition}, "%s %v", c.node, c.fields)
		}
		_, err = give("destroy-room", "room", "attic", "sure", "1")
		require.NoError(t, err)
		require.NoError(t, h.service.Shutdown(context.Background(), ""))
		_, err = give("list-rooms")
		assert.ErrorIs(t, err, service.ErrClosed)
	})
}
