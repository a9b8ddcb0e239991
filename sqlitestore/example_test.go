package sqlitestore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/sqlitestore"
	"github.com/gomuc/muc/stanza"
)

// A service that keeps its rooms in a file, is stopped, and goes on where it was: the room is
// there, and what was said in it can be asked for.
func Example() {
	dir, err := os.MkdirTemp("", "rooms")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "rooms.db")

	// serve opens the file, handles stanzas, and shuts down in good order. A server does
	// the same, but handles what comes off the wire as long as it runs.
	serve := func(stanzas ...string) {
		ctx := context.Background()
		store, err := sqlitestore.Open(ctx, path, sqlitestore.Options{Archive: true, Keep: 30 * 24 * time.Hour})
		if err != nil {
			log.Fatal(err) // one line that says what to do
		}
		answers := sqlitestore.NewAnswers(store, nil)
		answered := make(chan bool, 1)
		rooms, err := service.New(ctx, service.Config{
			Domain:   "chat.example",
			Room:     muc.Config{Secret: store.Secret(), Instant: true, Archive: true},
			Store:    store,
			Question: answers.Question,
			Deliver: func(_ context.Context, s service.Stanza) {
				el := s.Stanza()
				if body := el.FindElement("result/forwarded/message/body"); body != nil {
					fmt.Printf("the archive of %s: %s\n", el.SelectAttrValue("from", ""), body.Text())
				}
				if s.ID() == "query" {
					answered <- true
				}
			},
		})
		if err != nil {
			log.Fatal(err)
		}
		answers.Start(rooms)
		romeo := muc.MustParseJID("romeo@example.org/pda")
		for _, text := range stanzas {
			el, err := stanza.Parse([]byte(text), stanza.Stream{})
			if err != nil {
				log.Fatal(err)
			}
			if err := rooms.Handle(ctx, romeo, el); err != nil {
				log.Fatal(err)
			}
			if el.SelectAttrValue("id", "") == "query" {
				<-answered
			}
		}
		fmt.Println(rooms.Stats().Listed, "room is listed")
		answers.Stop()
		if err := rooms.Shutdown(ctx, "closing time"); err != nil {
			log.Fatal(err)
		}
		if err := store.Close(); err != nil {
			log.Fatal(err)
		}
	}

	const (
		enter = "<presence to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
		keep  = "<iq type='set' id='keep' to='cellar@chat.example'><query xmlns='http://jabber.org/protocol/muc#owner'>" +
			"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" +
			"<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>"
		say   = "<message type='groupchat' to='cellar@chat.example'><body>But soft!</body></message>"
		query = "<iq type='set' id='query' to='cellar@chat.example'><query xmlns='urn:xmpp:mam:2'/></iq>"
	)
	serve(enter, keep, say, query)
	serve(enter, query)
	// Output:
	// the archive of cellar@chat.example: But soft!
	// 1 room is listed
	// the archive of cellar@chat.example: But soft!
	// 1 room is listed
}
