package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// administered is a cluster that juliet administers, from the node a.
func administered(t *testing.T, names ...string) (w *world, juliet *client) {
	w = newWorld(t, 1, func(c *cluster.Config) {
		c.Service.Admin = func(who muc.JID) bool { return who.Local() == "juliet" }
	}, names...)
	return w, w.at("a", "juliet")
}

// ask has a client ask the domain for something, and returns the one answer.
func (w *world) ask(c *client, typ, payload string) string {
	w.t.Helper()
	w.mu.Lock()
	had := len(c.inbox["chat.example"])
	w.mu.Unlock()
	w.send(c, "<iq to='chat.example' type='%s' id='ask'>%s</iq>", typ, payload)
	time.Sleep(time.Second) // which is answered later
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	answers := c.inbox["chat.example"][had:]
	require.Len(w.t, answers, 1)
	return answers[0]
}

// command has a client give a command, with a form.
func (w *world) command(c *client, node string, fields ...string) string {
	w.t.Helper()
	form := ""
	for i := 0; i < len(fields); i += 2 {
		form += fmt.Sprintf("<field var='%s'><value>%s</value></field>", fields[i], fields[i+1])
	}
	return w.ask(c, "set", fmt.Sprintf("<command xmlns='http://jabber.org/protocol/commands' node='%s'><x xmlns='jabber:x:data' type='submit'>%s</x></command>", node, form))
}

// Administrators give commands at any node to the rooms of all nodes.
func TestCommands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, juliet := administered(t, "a", "b", "c")
		romeo := w.at("b", "romeo")
		for _, node := range []string{"a", "b", "c"} {
			room := w.roomWith(node, romeo)
			assert.Contains(t, w.command(juliet, "show-room", "room", room), "romeo@example.org", "%s, by what stands before the @", node)
			assert.Contains(t, w.command(romeo, "show-room", "room", room+"@chat.example"), "forbidden")
			assert.Contains(t, w.command(juliet, "http://jabber.org/protocol/admin#announce", "announcement", "fire in "+node), "completed")
			w.settle()
		}
		for _, node := range []string{"a", "b", "c"} {
			room := w.roomOf(node)
			assert.Equal(t, []string{"fire in a", "fire in b", "fire in c"}[slices.Index([]string{"a", "b", "c"}, node):], w.heard(romeo, room))
			assert.Contains(t, w.command(juliet, "destroy-room", "room", room, "sure", "true"), "completed")
			assert.True(t, w.saw(romeo, room, "romeo"))
			assert.Contains(t, w.command(juliet, "show-room", "room", room), "item-not-found")
			assert.Contains(t, w.command(juliet, "create-room", "room", "new"+node, "owner", "romeo@example.org"), "completed")
		}
		assert.Contains(t, w.command(juliet, "show-room", "room", "x@elsewhere.example"), "bad-request")
		assert.Contains(t, w.ask(juliet, "set", "<command xmlns='http://jabber.org/protocol/commands' node='show-room'/>"), "executing")
	})
}

// searched are the rooms that a search finds, with how many people are inside.
func (w *world) searched(c *client) (found []string) {
	w.t.Helper()
	answer := w.ask(c, "get", "<search xmlns='urn:xmpp:channel-search:0:search'><x xmlns='jabber:x:data' type='submit'>"+
		"<field var='FORM_TYPE'><value>urn:xmpp:channel-search:0:search-params</value></field><field var='all'><value>true</value></field></x></search>")
	for _, item := range parse(answer).FindElements("result/item") {
		found = append(found, strings.TrimSuffix(item.SelectAttrValue("address", ""), "@chat.example")+" "+item.SelectElement("nusers").Text())
	}
	return found
}

// Each node knows how many people are in the rooms of the others, also after these have gone to another node: for
// searches, and for administrators.
func TestOccupantsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, juliet := administered(t, "a", "b", "c")
		romeo, tybalt := w.at("a", "romeo"), w.at("a", "tybalt")
		room := w.roomThatGoesTo("c", "b")
		jid := muc.MustParseJID(room + "@chat.example")
		for _, c := range []*client{romeo, tybalt} {
			w.send(c, joinText, room, c.jid.Local())
			w.settle()
		}
		_, err := w.nodes["c"].Service().Do(t.Context(), jid, muc.Configure{Change: func(c *muc.RoomConfig) { c.Persistent = true }})
		require.NoError(t, err)
		counted := func(people int) {
			t.Helper()
			time.Sleep(10 * time.Second)
			w.settle()
			for name := range w.nodes {
				c := w.at(name, "looks")
				assert.Equal(t, []string{fmt.Sprint(room, " ", people)}, w.searched(c), name)
			}
			row := parse(w.command(juliet, "list-rooms")).FindElement("command/x/item/field[@var='occupants']")
			require.NotNil(t, row)
			assert.Equal(t, fmt.Sprint(people), row.SelectElement("value").Text())
		}
		counted(2)
		w.start("d")
		w.ready()
		counted(2)
		w.send(tybalt, leaveText, room, "tybalt")
		w.settle()
		counted(1)
		w.send(romeo, leaveText, room, "romeo")
		w.settle() // and before the others are told
		owner := w.nodes["a"].Owner(jid)
		for name, m := range w.nodes {
			if m.ID() == owner && name != "a" {
				m.kill()
				delete(w.nodes, name)
			}
		}
		w.ready()
		counted(0)
	})
}
