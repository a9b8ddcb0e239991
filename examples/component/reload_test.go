package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

// SIGHUP has the settings read again: who is blocked now is put out and refused, and what
// needs a restart is named. What is wrong changes nothing.
func TestReload(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	file := configFile(t, "name = 'Rooms'\n")
	c := serveAlone(t, server, "-config", file)
	link := server.Next()
	c.joined(link, "cellar", 3)
	again := func(content string) {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		require.NoError(t, c.command.Process.Signal(syscall.SIGHUP))
	}
	again("blok = ['example.net']\n")
	c.stderr.gets(t, "blok: there is no such setting")
	again("name = 'Chats'\nblock = ['person1@example.org', 'spam.example']\n")
	c.stderr.gets(t, "changed=[block]\n")
	c.stderr.gets(t, "settings=[name]")
	link.Expect("to='"+person(1)+"'", "type='unavailable'", "<status code='307'/>")
	link.Expect("to='"+person(0)+"'", "type='unavailable'", "/n1'")
	for _, who := range []string{person(1), "bot@spam.example/o"} {
		link.Send(fmt.Sprintf("<presence id='p' from='%s' to='cellar@%s/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>", who, testDomain))
		link.Expect("to='"+who+"'", "<forbidden")
		link.Send(fmt.Sprintf("<iq type='get' id='i' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>", who, testDomain))
		link.Expect("to='"+who+"'", "id='i'", "<forbidden")
	}
	link.Send(said(2, "cellar", "still here"))
	link.Expect("still here", "to='"+person(0)+"'")

	again("name = 'Chats'\ndrain = '11s'\n")
	c.stderr.gets(t, "changed=\"[block drain]\"")
	link.Send(fmt.Sprintf("<presence from='%s' to='cellar@%s/n1'><x xmlns='http://jabber.org/protocol/muc'/></presence>", person(1), testDomain))
	link.Expect("to='"+person(1)+"'", "<status code='110'/>")
	again("drain = '11s'\nrate-bytes = '600/1h'\nlog-level = 'debug'\n")
	c.stderr.gets(t, "changed=\"[rate-bytes log-level]\"")
	link.Send(ping("first", person(5)), ping("fast", person(5)))
	link.Expect("id='first'", "type='result'")
	link.Expect("id='fast'", "You are sending too much.")
	c.stderr.gets(t, "level=DEBUG")
	assert.Equal(t, statusStopped, c.end(), c.stderr.String())
}

// New rooms and the rules of all rooms are as the settings say.
func TestRoomSettings(t *testing.T) {
	server := fakeserver.New(t, testDomain, testSecret)
	serveAlone(t, server, "-instant", "true", "-default-public", "false", "-default-persistent", "true", "-default-members-only", "true",
		"-default-moderated", "true", "-default-whois", "anyone", "-default-history", "0", "-default-archive", "false",
		"-default-private-messages", "moderators", "-default-open-subject", "true", "-default-members-invite", "true", "-default-language", "pt",
		"-limit-created", "1", "-limit-body", "3", "-invite-body", "false", "-contacts", "abuse=mailto:abuse@example.org")
	link := server.Next()
	enter := func(room string) {
		link.Send(fmt.Sprintf("<presence from='%s' to='%s@%s/n0'><x xmlns='http://jabber.org/protocol/muc'/></presence>", person(0), room, testDomain))
	}
	ask := func(id, to, query string) string {
		link.Send(fmt.Sprintf("<iq type='get' id='%s' from='%s' to='%s'>%s</iq>", id, person(0), to, query))
		return link.Expect("id='"+id+"'", "type='result'")
	}
	enter("cellar")
	link.Expect("<status code='201'/>", "to='"+person(0)+"'")
	info := ask("info", "cellar@"+testDomain, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
	for _, feature := range []string{"muc_hidden", "muc_persistent", "muc_membersonly", "muc_moderated", "muc_nonanonymous"} {
		assert.Contains(t, info, "var='"+feature+"'")
	}
	form := ask("form", "cellar@"+testDomain, "<query xmlns='http://jabber.org/protocol/muc#owner'/>")
	for field, value := range map[string]string{"muc#maxhistoryfetch": "0", "muc#roomconfig_enablearchiving": "0", "muc#roomconfig_allowpm": "moderators",
		"muc#roomconfig_changesubject": "1", "muc#roomconfig_allowinvites": "1", "muc#roomconfig_lang": "pt"} {
		assert.Regexp(t, "var='"+field+"'[^>]*>(<validate.*?</validate>)?<value>"+value+"</value>", form)
	}
	assert.Contains(t, ask("contacts", testDomain, "<query xmlns='http://jabber.org/protocol/disco#info'/>"), "mailto:abuse@example.org")
	enter("attic")
	link.Expect("from='attic@", "<resource-constraint", "too many rooms that you have created")
	link.Send(said(0, "cellar", "four"))
	link.Expect("id='m0'", "<policy-violation")
	link.Send(fmt.Sprintf("<message from='%s' to='cellar@%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@example.org'/></x></message>", person(0), testDomain))
	assert.NotContains(t, link.Expect("to='juliet@example.org'", "<invite "), "<body")
	link.Send(fmt.Sprintf("<iq type='set' id='end' from='%s' to='cellar@%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
		"<destroy jid='attic@%s'/></query></iq>", person(0), testDomain, testDomain))
	link.Expect("id='end'", "type='result'")
	enter("cellar")
	link.Expect("to='"+person(0)+"'", "<gone", "attic@"+testDomain)
}
