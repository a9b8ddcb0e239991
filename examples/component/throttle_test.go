package main

import (
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

func TestThrottle(t *testing.T) {
	at := time.Unix(1000, 0)
	th, rate := newThrottle(), muc.Rate{Burst: 2000, Every: time.Millisecond}
	th.now, th.zero = func() time.Time { return at }, at
	assert.True(t, th.spend(rate, "romeo@example.org", 1200, false))
	assert.False(t, th.spend(rate, "romeo@example.org", 1000, false), "it uses nothing up")
	assert.True(t, th.spend(rate, "romeo@example.org", 1, false), "which counts 512")
	assert.False(t, th.spend(rate, "romeo@example.org", 1, false))
	assert.True(t, th.spend(rate, "juliet@example.org", 2000, false), "another person")
	assert.True(t, th.spend(rate, "romeo@example.org", 2000, true), "answers may be owed")
	assert.False(t, th.spend(rate, "romeo@example.org", 2000, true), "but not without end")
	at = at.Add(1712 * time.Millisecond)
	assert.False(t, th.spend(rate, "romeo@example.org", 1, false))
	at = at.Add(512 * time.Millisecond)
	assert.True(t, th.spend(rate, "romeo@example.org", 1, false))
	at = at.Add(time.Hour)
	assert.False(t, th.spend(rate, "romeo@example.org", 2001, false), "no more is saved than the bucket holds")
	assert.True(t, th.spend(rate, "romeo@example.org", 2000, false))
	assert.True(t, newThrottle().spend(muc.Rate{}, "romeo@example.org", 1<<30, false))
}

// What is answered by much more than it is counts more than its bytes.
func TestWhatAsksForMuch(t *testing.T) {
	for text, much := range map[string]bool{
		`<presence to='cellar@chat/R'><x xmlns='http://jabber.org/protocol/muc'/></presence>`:         true,
		`<iq type='set' to='cellar@chat'><query xmlns='urn:xmpp:mam:2'/></iq>`:                        true,
		`<iq type='get' to='cellar@chat'><query xmlns='http://jabber.org/protocol/muc#admin'/></iq>`:  true,
		`<iq type='get' to='chat'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`:       true,
		`<iq type='get' to='chat'><search xmlns='urn:xmpp:channel-search:0:search'/></iq>`:            true,
		`<iq type='set' to='cellar@chat'><command xmlns='http://jabber.org/protocol/commands'/></iq>`: true,
		`<iq type='get' to='cellar@chat'><vCard xmlns='vcard-temp'/></iq>`:                            true,
		`<iq type='get' to='cellar@chat/R'><vCard xmlns='vcard-temp'/></iq>`:                          false, // the occupant's client sends it
		`<iq type='get' to='cellar@chat'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`: false,
		`<message type='groupchat' to='cellar@chat'><body>x</body></message>`:                         false,
		`<message to='cellar@chat'><query xmlns='urn:xmpp:mam:2'/></message>`:                         false,
	} {
		doc := etree.NewDocument()
		require.NoError(t, doc.ReadFromString(text))
		assert.Equal(t, much, asks(doc.Root()) == askBytes, text)
	}
}
