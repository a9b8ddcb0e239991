package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// served is a server that is built, started in a directory, and stopped.
type served struct {
	*running
	port string
	end  func() // tells it to end
	stop func() // the same, and returns when it has ended
}

func serve(t *testing.T, program, dir string) *served {
	t.Helper()
	ports, err := freePorts(1)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var log bytes.Buffer
	s := &served{port: strconv.Itoa(ports[0]), end: cancel}
	s.running, err = start(ctx, program, dir, ports[0], &log)
	require.NoError(t, err, "%s", &log)
	ended := false
	s.stop = func() {
		t.Helper()
		if !ended {
			ended = true
			cancel()
			assert.ErrorIs(t, s.wait(), context.Canceled)
			assert.True(t, s.cmd.ProcessState.Success(), "%v\n%s", s.cmd.ProcessState, &log)
			assert.NotContains(t, log.String(), "level=error")
		}
	}
	t.Cleanup(s.stop)
	return s
}

const cellar = "cellar@conference.localhost"

func (c *client) enters(nick string) {
	c.t.Helper()
	c.sends("<presence to='" + cellar + "/" + nick + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	c.gets("presence[@from='" + cellar + "/" + nick + "']/x/status[@code='110']")
	c.gets("message/subject")
}

// People with accounts at jackal, in its own database, talk in a room inside it: over TLS,
// with a real client library.
func TestRoomsInJackal(t *testing.T) {
	program := filepath.Join(t.TempDir(), "server")
	require.NoError(t, build(t.Context(), program))
	dir := t.TempDir()
	s := serve(t, program, dir)
	for _, name := range []string{"romeo", "juliet", "mercutio", "nurse"} {
		require.NoError(t, s.create(t.Context(), name, "secret-of-"+name))
	}
	romeo, juliet := login(t, s.running, s.port, "romeo"), login(t, s.running, s.port, "juliet")

	// jackal lists the rooms among its services.
	romeo.sends("<iq type='get' id='items' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
	romeo.gets("iq[@id='items']/query/item[@jid='conference.localhost']")

	// They join and chat.
	romeo.enters("Romeo")
	romeo.sends("<iq type='set' id='owner' to='" + cellar + "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
		"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
	romeo.gets("iq[@id='owner'][@type='result']")
	juliet.enters("Juliet")
	romeo.gets("presence[@from='" + cellar + "/Juliet']")
	for _, said := range []string{"But soft!", `'tis <"Juliet"> & the sun`} {
		var text bytes.Buffer
		require.NoError(t, xml.EscapeText(&text, []byte(said)))
		romeo.sends("<message type='groupchat' id='m1' to='" + cellar + "'><body>" + text.String() + "</body></message>")
		for _, c := range []*client{romeo, juliet} {
			heard := c.gets("message[@type='groupchat']/body")
			assert.Equal(t, said, heard.FindElement("body").Text())
			assert.Equal(t, cellar+"/Romeo", heard.SelectAttrValue("from", ""))
		}
	}
	juliet.sends("<message type='chat' to='" + cellar + "/Romeo'><body>Ay me!</body></message>")
	romeo.gets("message[@type='chat'][@from='" + cellar + "/Juliet']/body")

	// What was said can be asked for.
	juliet.sends("<iq type='set' id='mam' to='" + cellar + "'><query xmlns='urn:xmpp:mam:2'/></iq>")
	juliet.gets("message/result/forwarded/message/body")
	juliet.gets("iq[@id='mam']/fin")

	// One vanishes, one logs out in good order.
	mercutio, nurse := login(t, s.running, s.port, "mercutio"), login(t, s.running, s.port, "nurse")
	mercutio.enters("Mercutio")
	mercutio.vanish()
	romeo.gets("presence[@from='" + cellar + "/Mercutio'][@type='unavailable']/x/status[@code='333']")
	nurse.enters("Nurse")
	nurse.sends("<presence type='unavailable'><status>I am called.</status></presence>")
	gone := romeo.gets("presence[@from='" + cellar + "/Nurse'][@type='unavailable']")
	assert.Nil(t, gone.FindElement("x/status[@code='333']"), "it has not vanished")
	assert.Equal(t, "I am called.", gone.FindElement("status").Text())

	// An account is deleted: the room knows it no more.
	romeo.sends("<iq type='set' id='member' to='" + cellar + "'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='juliet@localhost'/></query></iq>")
	romeo.gets("iq[@id='member'][@type='result']")
	romeo.sends("<iq type='get' id='list1' to='" + cellar + "'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>")
	romeo.gets("iq[@id='list1']/query/item[@jid='juliet@localhost']")
	if err := s.remove(t.Context(), "juliet"); err != nil {
		// jackal with BoltDB says that of who has never stored anything; the account is gone.
		require.ErrorContains(t, err, "bucket not found")
	}
	romeo.gets("presence[@from='" + cellar + "/Juliet'][@type='unavailable']")
	romeo.sends("<iq type='get' id='list2' to='" + cellar + "'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>")
	assert.Nil(t, romeo.gets("iq[@id='list2']").FindElement("query/item"))

	// The server stops, and everybody is told; started again, it has the room.
	s.end()
	romeo.gets("presence[@from='" + cellar + "/Romeo'][@type='unavailable']/x/status[@code='332']")
	s.stop()
	again := serve(t, program, dir)
	nurse = login(t, again.running, again.port, "nurse")
	nurse.sends("<presence to='" + cellar + "/Nurse'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	assert.Equal(t, "But soft!", nurse.gets("message[@type='groupchat']/delay").FindElement("body").Text())
	again.stop()
}
