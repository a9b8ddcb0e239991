package service_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// A service in a server: what comes off the wire goes to Handle, and Deliver puts
// it on the wire.
func Example() {
	ctx := context.Background()
	rooms, err := service.New(ctx, service.Config{
		Domain: "chat.example",
		Room:   muc.Config{Secret: secret, Instant: true},
		Store:  new(service.Memory),
		Deliver: func(_ context.Context, s service.Stanza) {
			for _, to := range s.To() {
				stanza := parse(string(s.AppendXML(nil, to, ""))) // the wire
				fmt.Println(to, "<", stanza.SelectAttrValue("from", ""), stanza.Tag)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	romeo := muc.MustParseJID("romeo@example.org/pda") // whose session it is that these come from
	for _, stanza := range []string{
		"<presence to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<message type='groupchat' to='cellar@chat.example'><body>But soft!</body></message>",
		"<iq type='get' id='1' to='cellar@chat.example'><ping xmlns='urn:xmpp:ping'/></iq>",
	} {
		if err := rooms.Handle(ctx, romeo, parse(stanza)); err != nil {
			log.Fatal(err) // the host's fault
		}
	}
	if err := rooms.Shutdown(ctx, "closing time"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// romeo@example.org/pda < cellar@chat.example/Romeo presence
	// romeo@example.org/pda < cellar@chat.example message
	// romeo@example.org/pda < cellar@chat.example/Romeo message
	// romeo@example.org/pda < cellar@chat.example iq
	// romeo@example.org/pda < cellar@chat.example/Romeo presence
}

// The host's own hand: rooms, people, whatever package muc has a command for.
func ExampleService_Do() {
	ctx := context.Background()
	rooms := quietService()
	cellar := muc.MustParseJID("cellar@chat.example")
	for _, cmd := range []muc.Command{
		muc.Create{Owner: muc.MustParseJID("romeo@example.org"), Config: muc.RoomConfig{Name: "The wine cellar", Persistent: true}},
		muc.SetAffiliation{JID: muc.MustParseJID("tybalt@example.org"), Affiliation: muc.Outcast},
	} {
		if _, err := rooms.Do(ctx, cellar, cmd); err != nil {
			log.Fatal(err)
		}
	}
	_, err := rooms.Do(ctx, cellar, muc.Kick{Nick: "Mercutio"})
	fmt.Println(err)
	if err := rooms.Read(ctx, cellar, func(r *muc.Room) {
		for who, affiliation := range r.Affiliations() {
			fmt.Println(who, affiliation)
		}
	}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rooms.Stats().Listed, "room is listed")
	// Output:
	// muc: not found
	// romeo@example.org owner
	// tybalt@example.org outcast
	// 1 room is listed
}

// Who may create which room, and what rooms may be called.
func ExampleConfig() {
	config := service.Config{
		Domain: "chat.example",
		Room: muc.Config{Secret: secret, Policy: policy.Rules{Create: func(q policy.Create) *muc.StanzaError {
			if q.Creator.Domain() != "example.org" {
				return &muc.StanzaError{Condition: stanza.NotAllowed, Text: q.Room.Local() + " is for our own people to create"}
			}
			return nil
		}}},
		Store: new(service.Memory),
		Deliver: func(_ context.Context, s service.Stanza) {
			fmt.Println("to", s.To()[0], s.Stanza().FindElement("error/text").Text())
		},
		RoomName: func(local string) *muc.StanzaError {
			if len(local) < 3 {
				return &muc.StanzaError{Condition: stanza.NotAllowed, Text: "a name has three letters at least"}
			}
			return nil
		},
	}
	ctx := context.Background()
	rooms, err := service.New(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	for _, stanza := range []string{
		"<presence from='romeo@example.org/pda' to='me@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<presence from='iago@elsewhere.example/x' to='cyprus@chat.example/Iago'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
	} {
		el := parse(stanza)
		from := muc.MustParseJID(el.SelectAttrValue("from", ""))
		if err := rooms.Handle(ctx, from, el); err != nil {
			log.Fatal(err)
		}
		settle(rooms, el.SelectAttrValue("to", ""))
	}
	// Output:
	// to romeo@example.org/pda a name has three letters at least
	// to iago@elsewhere.example/x cyprus is for our own people to create
}

// What rooms ask of the host, as a page of the archive, is looked up beside the
// room, which goes on meanwhile, and answered with a command.
func ExampleConfig_question() {
	ctx := context.Background()
	store := new(service.Memory)
	answered := make(chan error, 1)
	var rooms *service.Service
	config := service.Config{
		Domain: "chat.example",
		Room:   muc.Config{Secret: secret, Instant: true, Archive: true},
		Store:  store,
		Deliver: func(_ context.Context, s service.Stanza) {
			if stanza := s.Stanza(); stanza.FindElement("result/forwarded/message/body") != nil || stanza.Tag == "iq" {
				fmt.Println(s.To()[0], "<", stanza.Tag)
			}
		},
		Question: func(ctx context.Context, room muc.JID, ask muc.Question) {
			go func() {
				saved, err := store.Load(ctx, room) // stands for a search in the archive
				if err != nil {
					answered <- err // and the room refuses the request in a minute
					return
				}
				page, refused := ask.Archive.Page(saved.Events)
				_, err = rooms.Do(ctx, room, muc.Answer{ID: ask.ID, Archive: &page, Refuse: refused})
				answered <- err
			}()
		},
	}
	rooms, err := service.New(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	romeo := muc.MustParseJID("romeo@example.org/pda") // whose session it is that these come from
	for _, stanza := range []string{
		"<presence to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
		"<message type='groupchat' to='cellar@chat.example'><body>But soft!</body></message>",
		"<iq type='set' id='1' to='cellar@chat.example'><query xmlns='urn:xmpp:mam:2'/></iq>",
	} {
		if err := rooms.Handle(ctx, romeo, parse(stanza)); err != nil {
			log.Fatal(err)
		}
	}
	if err := <-answered; err != nil {
		log.Fatal(err)
	}
	// Output:
	// romeo@example.org/pda < message
	// romeo@example.org/pda < iq
}

// A bot that hears all rooms: a puppet, which reads events and answers with commands, from a
// goroutine of its own, since the room waits while it is told.
func ExampleConfig_events() {
	ctx := context.Background()
	answered := make(chan error, 2)
	var rooms *service.Service
	config := service.Config{
		Domain: "chat.example",
		Room:   muc.Config{Secret: secret, Instant: true},
		Store:  new(service.Memory),
		Deliver: func(_ context.Context, s service.Stanza) {
			if body := s.Stanza().FindElement("body"); body != nil {
				fmt.Println(s.Type(), body.Text())
			}
		},
		Events: func(ctx context.Context, room muc.JID, events []event.Event) {
			for _, ev := range events {
				answer := muc.Say{Nick: "Friar", Body: "Wisely and slow."}
				if private, ok := ev.Body.(*event.PrivateReceived); ok {
					answer.To = private.Nick
				} else if said := ev.Said(); said == nil || said.Body("en") != "!advice" {
					continue
				}
				go func() {
					_, err := rooms.Do(ctx, room, answer)
					answered <- err
				}()
			}
		},
	}
	rooms, err := service.New(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	romeo := muc.MustParseJID("romeo@example.org/pda")
	if err := rooms.Handle(ctx, romeo, parse("<presence to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")); err != nil {
		log.Fatal(err)
	}
	if _, err := rooms.Do(ctx, muc.MustParseJID("cellar@chat.example"), muc.Join{JID: muc.MustParseJID("friar@example.org"), Nick: "Friar"}); err != nil {
		log.Fatal(err)
	}
	for _, stanza := range []string{
		"<message type='groupchat' to='cellar@chat.example'><body>!advice</body></message>",
		"<message type='chat' to='cellar@chat.example/Friar'><body>and for me?</body></message>",
	} {
		if err := rooms.Handle(ctx, romeo, parse(stanza)); err != nil {
			log.Fatal(err)
		}
		if err := <-answered; err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// groupchat !advice
	// groupchat Wisely and slow.
	// chat Wisely and slow.
}

// settle waits until a room has done what it was given.
func settle(rooms *service.Service, address string) {
	if err := rooms.Read(context.Background(), muc.MustParseJID(address).Bare(), func(*muc.Room) {}); err != nil {
		log.Fatal(err)
	}
}

func quietService() *service.Service {
	s, err := service.New(context.Background(), service.Config{Domain: "chat.example", Store: new(service.Memory),
		Room: muc.Config{Secret: secret, Instant: true}, Deliver: func(context.Context, service.Stanza) {}})
	if err != nil {
		log.Fatal(err)
	}
	return s
}
