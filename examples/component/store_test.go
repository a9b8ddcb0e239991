package main

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// Damaged lines in the list of rooms, of which one cannot be read and one is of
// another domain, are no reason not to start: the other rooms live.
func TestDamagedList(t *testing.T) {
	store := filepath.Join(place(t), "rooms.db")
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

// -check says what is wrong in a store, and makes none.
func TestCheck(t *testing.T) {
	store := filepath.Join(place(t), "rooms.db")
	out, status := ordered(t, "-check", "-domain", testDomain, "-store", store)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, out, "no such file")
	assert.NoFileExists(t, store)

	server := fakeserver.New(t, testDomain, testSecret)
	c := serveAlone(t, server, "-store", store, "-default-persistent", "true", "-limit-body", "100")
	link := server.Next()
	for _, room := range []string{"a", "b", "c"} {
		c.joined(link, room, 2)
	}
	out, status = ordered(t, "-check", "-domain", testDomain, "-store", store)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, out, "another process works on it")
	c.end()
	out, status = ordered(t, "-check", "-domain", testDomain, "-store", store)
	assert.Equal(t, "rooms that are in order: 3\n", out)
	assert.Zero(t, status)

	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	defer db.Close()
	for _, damage := range []string{
		`UPDATE snapshot SET body = 'cats' WHERE room = (SELECT id FROM room WHERE jid = 'a@rooms.example')`,
		`DELETE FROM event WHERE room = (SELECT id FROM room WHERE jid = 'a@rooms.example')`,
		`UPDATE room SET name = 'other' WHERE jid = 'b@rooms.example'`,
		`INSERT INTO event VALUES (4711, 1, '{}')`,
	} {
		_, err = db.Exec(damage)
		require.NoError(t, err)
	}
	out, status = ordered(t, "-check", "-domain", testDomain, "-store", store)
	assert.Equal(t, statusFailed, status)
	for _, line := range []string{"a@rooms.example: ", "b@rooms.example: service: the list of rooms describes it otherwise than it is",
		"a line of event belongs to no room", "rooms that are in order: 1", "so much is wrong in it: 3"} {
		assert.Contains(t, out, line)
	}
}
