package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/internal/fakeserver"
)

// What one account can do to a service, played through the server that the component is
// connected to. Floods that stop the server are in stall_test.go.

func enter(who, room string) string {
	local, _, _ := strings.Cut(who, "@")
	return fmt.Sprintf("<presence from='%s' to='%s@%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who, room, testDomain, local)
}

// A line of the store that cannot be read, or is of another domain, is the misfortune of
// one room.
func TestOddLinesInTheStore(t *testing.T) {
	store := filepath.Join(t.TempDir(), "rooms.db")
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-store", store)
	link := server.Next()
	rooms := []string{"alpha", "beta", "gamma", "delta"}
	for i, room := range rooms {
		c.lasting(link, person(i), room, "The room "+room)
	}
	require.Zero(t, c.end())

	db, err := sql.Open("sqlite", store)
	require.NoError(t, err)
	defer db.Close()
	for room, odd := range map[string]string{"alpha": "alph\x01@" + testDomain, "beta": "beta@elsewhere.example", "gamma": "Gamma@" + testDomain} {
		_, err = db.Exec("UPDATE room SET jid = ? WHERE jid = ?", odd, room+"@"+testDomain)
		require.NoError(t, err)
	}
	c = serveHere(t, server, nil, "-store", store)
	link = server.Next()
	link.Send(enter("stranger@example.net/o", "delta"))
	assert.NotContains(t, link.Expect("from='delta@"+testDomain, "to='stranger@example.net/o'", "code='110'"), "201", "it is as it was")
	link.Send(enter("stranger@example.net/o", "alpha"))
	link.Expect("from='alpha@"+testDomain, "to='stranger@example.net/o'", "code='110'")
	c.answers(link)
}

// One account that enters as many rooms as it can takes them from nobody else.
func TestOneAccountInAllRooms(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveHere(t, server, nil, "-rate-bytes", "0")
	link := server.Next()
	const tries = 5000
	link.Flood(tries, func(i int) string { return enter("mallory@example.org/o", fmt.Sprint("mine", i)) })
	c.becomes("muc_stanzas_waiting", func(v float64) bool { return v == 0 })
	c.becomes("muc_stanzas_received_total", func(v float64) bool { return v >= tries })
	link.Expect("to='mallory@example.org/o'", "<resource-constraint ")
	assert.LessOrEqual(t, c.metric("muc_occupants"), 100.0)
	for i := range 20 {
		link.Send(enter(person(i), fmt.Sprint("mine", tries+i)))
		link.Expect("to='"+person(i)+"'", "code='110'")
	}
}
