package service_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// FuzzHandle: whatever comes off the wire, a request has one answer, what is none
// has no answer that looks like one, and what goes out can be read.
func FuzzHandle(f *testing.F) {
	for _, stanza := range []string{
		"<iq type='get' id='1' from='a@b/c' to='chat.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
		"<iq type='get' id='1' from='a@b/c' to='chat.example'><query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set></query></iq>",
		"<iq type='set' id='1' from='a@b/c' to='chat.example'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#announce'><x xmlns='jabber:x:data' type='submit'><field var='announcement'><value>x</value></field></x></command></iq>",
		"<iq type='set' id='1' from='a@b/c' to='chat.example'><command xmlns='http://jabber.org/protocol/commands' node='show-room'><x xmlns='jabber:x:data' type='submit'><field var='room'><value>x</value></field></x></command></iq>",
		"<iq type='get' id='1' from='a@b/c' to='chat.example'><search xmlns='urn:xmpp:channel-search:0:search'><x xmlns='jabber:x:data' type='submit'><field var='all'><value>1</value></field></x></search></iq>",
		"<iq type='get' id='1' from='a@b/c' to='chat.example'><unique xmlns='http://jabber.org/protocol/muc#unique'/></iq>",
		"<iq type='get' id='1' from='a@b/c' to='chat.example/x'><vCard xmlns='vcard-temp'/></iq>",
		"<iq type='get' id='1' from='a@b/c' to='cellar@chat.example'><ping xmlns='urn:xmpp:ping'/></iq>",
		"<iq type='set' id='1' from='a@b/c' to='new@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>",
		"<iq type='get' id='&#9;' from='a@b/c' to='c c@chat.example'/>",
		"<iq type='result' id='1' from='a@b/c' to='@chat.example'/>",
		"<presence from='a@b/c' to='cellar@chat.example/A'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<message from='a@b/c' to='chat.example' type='error'/>",
		"<presence from='a@b/c' to='chat.example'><rai xmlns='urn:xmpp:rai:0'/></presence>",
		"<presence from='a@b/c' to='chat.example' type='probe'/>",
	} {
		f.Add(stanza)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc := etree.NewDocument()
		if doc.ReadFromString(text) != nil || doc.Root() == nil {
			return
		}
		el := doc.Root()
		typ, isIQ := el.SelectAttrValue("type", ""), el.Tag == "iq"
		from, fromErr := muc.ParseJID(el.SelectAttrValue("from", ""))
		var mu sync.Mutex
		answers := 0
		s, err := service.New(t.Context(), service.Config{Domain: "chat.example", Store: new(service.Memory),
			Room:  muc.Config{Secret: secret, CreateByForm: true},
			Admin: func(muc.JID) bool { return true }, Activity: func(muc.JID, muc.JID) bool { return true },
			Log: slog.New(slog.DiscardHandler),
			Deliver: func(_ context.Context, s service.Stanza) {
				mu.Lock()
				defer mu.Unlock()
				out := parse(string(s.AppendXML(nil, s.To()[0], "jabber:client")))
				if kind := out.SelectAttrValue("type", ""); out.Tag == "iq" && (kind == "result" || kind == "error") &&
					slices.Contains(s.To(), from) {
					answers++
				}
			}})
		require.NoError(t, err)
		taken := handle(t.Context(), s, el) == nil
		require.NoError(t, s.Shutdown(t.Context(), ""))
		want := 0
		if taken && isIQ && fromErr == nil && typ != "result" && typ != "error" {
			want = 1
		}
		require.Equal(t, want, answers, "answers to %q", text)
	})
}
