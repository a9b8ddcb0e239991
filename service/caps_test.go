package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/service"
)

// The service says in its presence what it can do, and answers for the nodes that it names.
//
// rows: J27
func TestCaps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Contacts = []service.Contact{{For: service.AdminContact, URI: "xmpp:help@example.org"}, {For: service.AbuseContact, URI: "mailto:abuse@example.org"}}
		})
		probe := func() (old string, both []string) {
			t.Helper()
			h.send(`<presence type='probe' from='%s' to='chat.example'/>`, romeo)
			p := h.only(romeo)
			require.Equal(t, "presence", p.Tag)
			assert.Empty(t, p.SelectAttrValue("type", ""))
			c := p.FindElement("c[@xmlns='http://jabber.org/protocol/caps']")
			require.NotNil(t, c)
			assert.Equal(t, "sha-1", c.SelectAttrValue("hash", ""))
			old = c.SelectAttrValue("node", "") + "#" + c.SelectAttrValue("ver", "")
			for _, hash := range p.FindElements("c[@xmlns='urn:xmpp:caps']/hash[@xmlns='urn:xmpp:hashes:2']") {
				both = append(both, "urn:xmpp:caps#"+hash.SelectAttrValue("algo", "")+"."+hash.Text())
			}
			require.Len(t, both, 2)
			return old, both
		}
		plain := h.ask(romeo, "chat.example", info).SelectElement("query")
		for _, feature := range []string{"http://jabber.org/protocol/caps", "urn:xmpp:caps"} {
			assert.NotNil(t, plain.FindElement("feature[@var='"+feature+"']"))
		}
		old, both := probe()
		for _, node := range append(both, old) {
			got := h.ask(romeo, "chat.example", "<query xmlns='http://jabber.org/protocol/disco#info' node='"+node+"'/>").SelectElement("query")
			require.NotNil(t, got, node)
			assert.Equal(t, node, got.SelectAttrValue("node", ""))
			got.RemoveAttr("node")
			assert.Equal(t, text(plain), text(got))
		}
		h.stop()
		h.config.Name = "Other rooms"
		h.start()
		changed, _ := probe()
		assert.NotEqual(t, old, changed)
		refused(t, h.ask(romeo, "chat.example", "<query xmlns='http://jabber.org/protocol/disco#info' node='"+old+"'/>"), "item-not-found", "cancel")
	})
}
