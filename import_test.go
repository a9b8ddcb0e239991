package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// imported is a message that is imported, in the name of a nick.
func imported(nick, jid, id, text string) muc.ImportMessage {
	c := muc.ImportMessage{Nick: nick, StanzaID: id, Message: parse(text)}
	if jid != "" {
		c.JID = muc.MustParseJID(jid)
	}
	return c
}

// movedIn is a room that nobody has entered here yet.
func movedIn(t *testing.T, cfg muc.Config, conf muc.RoomConfig) *muctest.Room {
	h := unborn(t, cfg)
	conf.Persistent = true
	h.Do(muc.Create{Owner: muc.MustParseJID("crone@shakespeare.lit"), Config: conf})
	return h
}

// What was said on another server is shown to newcomers as if it had been said here, with its
// time, and is an event like any other.
func TestImportMessage(t *testing.T) {
	h := movedIn(t, muc.Config{Archive: true}, muc.RoomConfig{})
	said := h.Now
	b := only[*event.MessageArchived](t, h.Do(imported("Hecate", "hecate@shakespeare.lit/broom", "old-1",
		`<message id='m1' xml:lang='en'><body>by hecate@shakespeare.lit</body><x xmlns='urn:x' jid='hecate@shakespeare.lit'/>`+
			`<x xmlns='http://jabber.org/protocol/muc#user'><item jid='hecate@shakespeare.lit'/></x>`+
			`<occupant-id xmlns='urn:xmpp:occupant-id:0' id='elsewhere'/><delay xmlns='urn:xmpp:delay' from='coven@chat.shakespeare.lit' stamp='2000-01-01T00:00:00Z'/>`+
			`<stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.lit' id='elsewhere'/></message>`)))
	assert.Equal(t, `<body>by hecate@shakespeare.lit</body><x xmlns='urn:x' jid='coven@chat.shakespeare.lit/Hecate'/>`, b.Payload)
	assert.Equal(t, []string{"Hecate", "hecate", "old-1", "m1", "en", "hecate@shakespeare.lit/broom"},
		[]string{b.Nick, b.Key, b.StanzaID, b.ID, b.Lang, b.JID.String()})
	h.Advance(time.Hour)
	b = only[*event.MessageArchived](t, h.Do(imported("Ghost", "", "", `<message><body>boo</body></message>`)))
	assert.Empty(t, b.OccupantID, "nobody knows whose it is")
	assert.NotEmpty(t, b.StanzaID)
	assert.NotEmpty(t, b.ID)
	only[*event.MessageArchived](t, h.Do(imported("", "", "old-3", `<message><body>of the room</body></message>`)))
	only[*event.SubjectChanged](t, h.Do(imported("Hecate", "", "old-4", `<message><subject>Fire burn</subject></message>`)))

	h.Restart()
	h.Advance(time.Hour)
	crone := h.Client("crone@shakespeare.lit/desktop")
	crone.Joins("firstwitch")
	got := crone.Received()
	require.Len(t, got, 5)
	assert.Contains(t, got[1], `by='coven@chat.shakespeare.lit' id='old-1'`)
	assert.Contains(t, got[1], fmt.Sprintf(`<delay xmlns='urn:xmpp:delay' from='coven@chat.shakespeare.lit' stamp='%s'/>`, said.Format(event.TimeFormat)))
	assert.Contains(t, got[3], "from='coven@chat.shakespeare.lit'")
	assert.Contains(t, got[4], "<subject>Fire burn</subject>")

	// Who is back has said it: occupant-ids are of this room.
	hecate := h.Client("hecate@shakespeare.lit/cauldron")
	hecate.Joins("Hecate")
	assert.Contains(t, strings.Join(crone.Received(), ""), occupantIDIn(t, got[1]))
	h.Refuses(because(stanza.Conflict), imported("Hecate", "", "old-9", `<message><body>late</body></message>`))
}

func occupantIDIn(t *testing.T, text string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='")
	require.True(t, ok, text)
	id, _, _ := strings.Cut(rest, "'")
	return id
}

// An author takes back what was said elsewhere, elsewhere too.
func TestImportMessageRetracts(t *testing.T) {
	h := movedIn(t, muc.Config{Archive: true}, muc.RoomConfig{})
	const back = `<message><body>never mind</body><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>`
	h.Do(imported("Hecate", "hecate@shakespeare.lit", "old-1", `<message id='m1'><body>a secret</body></message>`))
	h.Do(imported("Puck", "puck@shakespeare.lit", "old-2", back))
	h.Do(imported("Hecate", "", "old-3", back))
	events := h.Do(imported("Hecate", "hecate@shakespeare.lit", "old-4", back))
	require.Len(t, events.Durable, 2)
	assert.Equal(t, "old-1", events.Durable[0].Body.(*event.MessageRetracted).StanzaID)
	crone := h.Client("crone@shakespeare.lit/desktop")
	crone.Joins("firstwitch")
	assert.NotContains(t, strings.Join(crone.Received(), ""), "a secret")
}

func TestImportMessageRefused(t *testing.T) {
	h := movedIn(t, muc.Config{Archive: true, Limits: muc.Limits{BodyBytes: 100}}, muc.RoomConfig{})
	const hi = `<message><body>hi</body></message>`
	h.Refuses(muc.ErrMissing, muc.ImportMessage{})
	h.Refuses(muc.ErrNotStanza, imported("Hecate", "", "", `<presence/>`))
	h.Refuses(because(stanza.NotAcceptable), imported("Hecate", "", "", `<message><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`),
		imported("Hecate", "", "", `<message><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>`),
		imported(strings.Repeat("x", 65), "", "", hi), imported(" ", "", "", hi))
	h.Refuses(because(stanza.JIDMalformed), imported("\xff", "", "", hi))
	h.Refuses(because(stanza.PolicyViolation), imported("Hecate", "", strings.Repeat("x", 1024), hi), imported("Hecate", "", "\x00", hi),
		imported("Hecate", "", "", `<message><body>`+strings.Repeat("x", 100)+`</body></message>`),
		imported("Hecate", "", "", `<message><body>one</body><body>two</body></message>`))
	h.Do(imported("Hecate", "", "old-1", hi))
	h.Refuses(because(stanza.Conflict), imported("Puck", "", "old-1", hi))
	h.RefusesAs(muc.MustParseJID("crone@shakespeare.lit"), muc.ErrHostOnly, imported("Hecate", "", "", hi))

	quiet := movedIn(t, muc.Config{Archive: true}, muc.RoomConfig{NoArchive: true})
	quiet.Refuses(because(stanza.NotAcceptable), imported("Hecate", "", "old-1", hi))
	b := only[*event.SubjectChanged](t, quiet.Do(imported("Hecate", "", "old-2", `<message><subject>Fire burn</subject></message>`)))
	assert.Empty(t, b.StanzaID, "a room without an archive has a subject too")
	unborn(t, muc.Config{}).Refuses(muc.ErrNotOpen, imported("Hecate", "", "", hi))
}
