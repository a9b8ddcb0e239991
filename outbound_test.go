package muc_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// everything is an Outbound of each kind that a room sends.
func everything(t *testing.T) []muc.Outbound {
	t.Helper()
	h := coven(t, muc.Config{LegacyInvites: true})
	var list []muc.Outbound
	keep := func(fx muc.Effects) { list = append(list, fx.Outbound...) }
	const head = ` from='hecate@shakespeare.lit/broom' to='coven@chat.shakespeare.lit`
	keep(h.Client("wiccarocks@shakespeare.lit/laptop").Says("Thrice the brinded cat hath mew&apos;d &lt;br/&gt; &amp; so on"))
	keep(h.Handle(`<message type='groupchat' xml:lang='en'` + head + `'><subject>a &lt; b</subject></message>`))
	keep(h.Handle(`<message type='groupchat' xml:lang='en' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><subject>a &lt; b</subject></message>`))
	keep(h.Handle(`<message type='chat' id='p'` + head + `/firstwitch'><body>psst</body></message>`))
	keep(h.Handle(`<message` + head + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='bard@shakespeare.lit'/></x></message>`))
	keep(h.Client("bard@shakespeare.lit/globe").Joins(`Bill "the" &lt;Bard&gt; &amp; co`))
	keep(h.Client("crone@shakespeare.lit/mobile").Joins("firstwitch"))
	keep(h.Handle(`<presence` + head + `/Hecate'><show>away</show></presence>`))
	keep(h.Handle(`<presence type='probe'` + head + `/firstwitch'/>`))
	keep(h.Handle(`<iq type='get' id='1'` + head + `/firstwitch'><query xmlns='jabber:iq:version'/></iq>`))
	keep(h.Handle(`<iq type='get' id='1'` + head + `'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`))
	keep(h.Handle(`<iq type='set' id='1'` + head + `'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='none' nick='x'/></query></iq>`))
	keep(h.Do(muc.SetAffiliation{JID: muc.MustParseJID("macbeth@shakespeare.lit"), Affiliation: muc.Outcast, Reason: "<thane>"}))
	keep(h.DoAs(crone, muc.SetAffiliation{JID: hecate, Affiliation: muc.Member, Reason: "<thane>"}))
	keep(h.DoAs(crone, muc.SetRole{Nick: "secondwitch", Role: muc.Visitor}))
	keep(h.DoAs(crone, muc.Kick{Nick: "secondwitch", Reason: "'s"}))
	keep(h.Handle(configSubmit("c", "muc#roomconfig_whois", "anyone")))
	keep(h.Do(muc.Destroy{Reason: "a < b", Alternate: muc.MustParseJID("cave@chat.shakespeare.lit"), Password: "&"}))
	require.Greater(t, len(list), 40)
	return list
}

// A stanza as bytes and as an element is the same, and complete: it names its
// recipient and, where that is wanted, its namespace.
func TestOutboundForms(t *testing.T) {
	for _, out := range everything(t) {
		to := out.To()[0]
		inherited, explicit := string(out.AppendXML(nil, to, "")), string(out.AppendXML([]byte("prefix"), to, "jabber:client"))
		require.True(t, strings.HasPrefix(explicit, "prefix<"))
		explicit = strings.TrimPrefix(explicit, "prefix")
		assert.Equal(t, inherited, strings.Replace(explicit, " xmlns='jabber:client'", "", 1))
		read := parse(explicit)
		assert.Equal(t, "jabber:client", read.SelectAttrValue("xmlns", ""))
		assert.Equal(t, to.String(), read.SelectAttrValue("to", ""))
		assert.Len(t, read.FindElements("//*[@to]"), 1+strings.Count(inherited, " to='")-1, inherited)

		want, got := parse(inherited), out.Stanza()
		assert.Equal(t, []string{want.Tag, want.SelectAttrValue("type", ""), want.SelectAttrValue("id", "")}, []string{out.Name(), out.Type(), out.ID()})
		want.RemoveAttr("to")
		assert.Equal(t, print(want), print(got))
		assert.NotSame(t, got, out.Stanza(), "each call builds a new one")
		assert.Nil(t, got.SelectAttr("to"))
		assert.Nil(t, got.Parent())
		got.CreateAttr("id", "changed")
		got.CreateElement("more")
		assert.Equal(t, print(want), print(out.Stanza()))
		assert.Equal(t, inherited, string(out.AppendXML(nil, to, "")))
		b, err := etree.NewDocumentWithRoot(got).WriteToBytes()
		require.NoError(t, err)
		wellFormed(t, b)
	}
}

// All get their own address in their own presence, and appending to a list of addresses
// changes no other list.
func TestOutboundAddresses(t *testing.T) {
	h := coven(t, muc.Config{})
	fx := h.Client("crone@shakespeare.lit/desktop").Says("Hail!")
	was := xmlOf(fx.Outbound[1])
	for _, out := range fx.Outbound {
		list := out.To()
		assert.Equal(t, len(list), cap(list), "the capacity is cut")
		_ = append(list, bard)
	}
	late := h.Client("bard@shakespeare.lit/globe").Joins("Bard")
	assert.Equal(t, was, xmlOf(fx.Outbound[1]))
	for _, out := range late.Outbound {
		assert.Equal(t, len(out.To()), cap(out.To()))
		for _, to := range out.To() {
			b := string(out.AppendXML(nil, to, ""))
			if strings.Contains(b, "code='110'") {
				assert.Contains(t, b, " jid='"+to.String()+"'")
			}
		}
	}
}
