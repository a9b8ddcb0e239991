package main

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Damaged lines in the list of rooms, of which one cannot be read and one is of
// another domain, are no reason not to start: the other rooms live.
func TestDamagedList(t *testing.T) {
	store := filepath.Join(t.TempDir(), "rooms.db")
	first := newServer(t, "<handshake/>")
	r := start(t, "-domain", "rooms.example", "-connect", first.listener.Addr().String(), "-store", store)
	first.gets("</handshake>")
	for _, room := range []string{"a", "b", "c"} {
		first.sends("<presence from='romeo@example.org/o' to='" + room + "@rooms.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>" +
			"<iq type='set' id='" + room + "' from='romeo@example.org/o' to='" + room + "@rooms.example'>" +
			"<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
			"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" +
			"<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
		first.gets("id='" + room + "' type='result'")
	}
	r.stop()
	r.ends(t)

	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`UPDATE room SET jid = 'a@/rooms.example' WHERE jid = 'a@rooms.example'`)
	require.NoError(t, err)
	_, err = db.Exec(`UPDATE room SET jid = 'b@soms.example' WHERE jid = 'b@rooms.example'`)
	require.NoError(t, err)

	second := newServer(t, "<handshake/>")
	r = start(t, "-domain", "rooms.example", "-connect", second.listener.Addr().String(), "-store", store, "-log-addresses", "true")
	second.gets("</handshake>")
	second.sends("<presence from='romeo@example.org/o' to='c@rooms.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	second.gets("from='c@rooms.example/Romeo'")
	second.sends("<iq type='get' id='i1' from='romeo@example.org/o' to='rooms.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
	second.gets(`jid="c@rooms.example"`)
	r.stop()
	status, _ := r.ends(t)
	assert.Equal(t, statusStopped, status)
	assert.Contains(t, r.stderr.String(), "a@/rooms.example")
	assert.Contains(t, r.stderr.String(), "b@soms.example")
}
