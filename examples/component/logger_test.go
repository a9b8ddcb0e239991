package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/fakeserver"
)

// The log has no address of a person above debug, unless it is asked for; rooms keep theirs.
func TestAnonymousLog(t *testing.T) {
	var out bytes.Buffer
	level := new(slog.LevelVar)
	s := settings{domain: testDomain}
	log := logger(s, level, &out)
	room, romeo := muc.MustParseJID("cellar@"+testDomain), muc.MustParseJID("romeo@example.org/orchard tree")
	for _, c := range []struct {
		value any
		want  string
	}{
		{romeo, "*@example.org"},
		{romeo.String(), "*@example.org"},
		{[]muc.JID{romeo}, "*@example.org"},
		{errors.New("room cellar@rooms.example: no romeo@example.org/o, and juliet@example.net."), "\"room cellar@rooms.example: no *@example.org and *@example.net.\""},
		{room, "cellar@rooms.example"},
		{muc.MustParseJID("cellar@rooms.example/a secret nick"), "cellar@rooms.example"},
		{slog.GroupValue(slog.Any("of", romeo)), "x.of=*@example.org"},
		{"/go/etree@v1.8.1/etree.go:12", "/go/etree@v1.8.1/etree.go:12"},
		{12, "12"},
	} {
		for _, l := range []*slog.Logger{log, log.WithGroup("g")} {
			out.Reset()
			l.Info("said", "x", c.value)
			assert.Contains(t, out.String(), c.want)
			assert.NotRegexp(t, "romeo|juliet|orchard|secret", out.String())
		}
		out.Reset()
		log.With("x", c.value).Info("said")
		assert.Contains(t, out.String(), c.want)
	}
	out.Reset()
	level.Set(slog.LevelDebug)
	log.Debug("said", "x", romeo)
	assert.Contains(t, out.String(), romeo.String())
	out.Reset()
	s.logAddresses, s.json = true, true
	logger(s, level, &out).Info("said", "x", romeo)
	assert.Contains(t, out.String(), `"x":"romeo@example.org/orchard tree"`)
}

// The log tells what an operator wants to know of rooms, and not what people say.
func TestStory(t *testing.T) {
	for _, addresses := range []bool{false, true} {
		server := fakeserver.New(t, testDomain, testSecret)
		c := serveAlone(t, server, "-log-addresses", fmt.Sprint(addresses))
		link := server.Next()
		c.joined(link, "cellar", 3)
		who := func(i int) string {
			if addresses {
				return fmt.Sprintf("person%d@example.org", i)
			}
			return "*@example.org"
		}
		owner := func(id, payload string) {
			link.Send(fmt.Sprintf("<iq type='set' id='%s' from='%s' to='cellar@%s'>%s</iq>", id, person(0), testDomain, payload))
			link.Expect("id='"+id+"'", "type='result'")
		}
		admin := func(id, item string) {
			owner(id, "<query xmlns='http://jabber.org/protocol/muc#admin'>"+item+"</query>")
		}
		link.Send(said(1, "cellar", "words of people"))
		link.Expect("words of people", "to='"+person(2)+"'")
		owner("name", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+
			"<field var='muc#roomconfig_roomname'><value>words</value></field></x></query>")
		admin("kick", "<item nick='n1' role='none'><reason>words</reason></item>")
		admin("ban", "<item jid='person2@example.org' affiliation='outcast'><reason>words</reason></item>")
		admin("unban", "<item jid='person2@example.org' affiliation='none'/>")
		admin("owner", "<item jid='person1@example.org' affiliation='owner'/>")
		owner("end", "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy><reason>words</reason></destroy></query>")
		assert.Equal(t, statusStopped, c.end())
		by := " by=" + who(0)
		for _, line := range []string{
			`msg="a room was made" room=cellar@rooms.example` + by,
			`msg="a room was configured" room=cellar@rooms.example fields=[muc#roomconfig_roomname]` + by,
			`msg="somebody was kicked" room=cellar@rooms.example who=` + who(1),
			`msg="somebody was banned" room=cellar@rooms.example who=` + who(2) + by,
			`msg="a ban was lifted" room=cellar@rooms.example who=` + who(2) + by,
			`msg="a room has other owners" room=cellar@rooms.example who=` + who(1) + by,
			`was=none is=owner`,
			`msg="a room was destroyed" room=cellar@rooms.example` + by,
			`msg=connected`,
		} {
			assert.Contains(t, c.stderr.String(), line)
		}
		assert.NotContains(t, c.stderr.String(), "words")
		assert.NotContains(t, c.stderr.String(), "DEBUG")
		if !addresses {
			assert.NotContains(t, c.stderr.String(), "person")
		}
	}
}

// At debug there is each stanza and each event.
func TestDebugLog(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	c := serveAlone(t, server, "-log-level", "debug", "-log-format", "json")
	link := server.Next()
	c.joined(link, "cellar", 2)
	link.Send(said(5, "cellar", "words of people"))
	link.Expect("to='"+person(5)+"'", "type='error'")
	assert.Equal(t, statusStopped, c.end())
	for _, line := range []string{
		`"msg":"in","name":"presence","type":"","from":"person1@example.org/o","to":"cellar@rooms.example/n1"`,
		`"msg":"out","name":"presence"`, `"to":["person1@example.org/o"]`,
		`"msg":"event","room":"cellar@rooms.example","type":"joined"`,
		`"msg":"a stanza was refused","condition":"`,
	} {
		assert.Contains(t, c.stderr.String(), line)
	}
	assert.NotContains(t, c.stderr.String(), "words")
}
