package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
)

// What was said while everybody saw real JIDs shows no address to newcomers when the room
// hides them: neither the history, nor presence, nor the archive. Those who see real JIDs
// are shown the archive as it was.
func TestHiddenAddressesAreHiddenLater(t *testing.T) {
	h := open(t, muc.Config{Archive: true, Defaults: muc.RoomConfig{Whois: muc.WhoisAnyone, History: 20}})
	const hag, own = "hag66@shakespeare.lit/pda", "<x xmlns='jabber:x:oob'><url>xmpp:hag66@shakespeare.lit</url></x>"
	for i := range 20 { // so many that presences are kept as bytes
		h.Client(fmt.Sprintf("guest%d@shakespeare.lit/x", i)).Joins(fmt.Sprint("guest ", i))
	}
	h.Handle("<presence from='" + hag + "' to='coven@chat.shakespeare.lit/thirdwitch'><x xmlns='http://jabber.org/protocol/muc'/>" + own + "</presence>")
	h.Handle("<message type='groupchat' id='m1' from='" + hag + "' to='coven@chat.shakespeare.lit'><body>look</body>" + own + "</message>")
	conf := h.RoomConfig()
	conf.NoArchive = true
	h.Do(muc.Reset{Config: conf})
	h.Handle("<message type='groupchat' id='m2' from='" + hag + "' to='coven@chat.shakespeare.lit'><body>look</body>" + own + "</message>")
	assert.Contains(t, strings.Join(h.Join("first@shakespeare.lit/x", "first").Received(), ""), "xmpp:hag66@", "all see it now")

	conf.NoArchive, conf.Whois = false, muc.WhoisModerators
	h.Do(muc.Reset{Config: conf})
	for name, h := range map[string]*muctest.Room{"the room": h, "the same restored": muctest.Restore(t, h.Config, nil, h.Events())} {
		got := strings.Join(h.Join("crone@shakespeare.lit/late", "firstwitch").Received(), "")
		assert.Equal(t, 3, strings.Count(got, "xmpp:coven@chat.shakespeare.lit/thirdwitch"), name)
		late := h.Join("late@shakespeare.lit/x", "late")
		got = strings.Join(late.Received(), "")
		assert.Equal(t, 3, strings.Count(got, "xmpp:coven@chat.shakespeare.lit/thirdwitch"), "%s: a presence and two messages: %s", name, got)
		late.SeesNothingOf("hag66@")
		for reader, sees := range map[string]bool{"late@shakespeare.lit/x": false, "crone@shakespeare.lit/late": true} {
			ask := h.Handle("<iq type='set' id='q1' from='" + reader + "' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>").Questions[0]
			page, refused := ask.Archive.Page(h.Events())
			require.Nil(t, refused)
			h.Do(muc.Answer{ID: ask.ID, Archive: &page})
			assert.Equal(t, sees, strings.Contains(strings.Join(h.Client(reader).Received(), ""), "hag66@"), "%s, %s", name, reader)
		}
	}
}
