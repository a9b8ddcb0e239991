package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"sync"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

// transport carries the stanzas of a client that has logged in, one a frame, as WebSockets
// do; on TCP, Read would use stanza.Read. Read ends with io.EOF when the client says goodbye.
type transport interface {
	Read() ([]byte, error)
	Write([]byte) error
	Close() error
}

// server is what a server needs to have rooms: who is connected, and what waits for each.
type server struct {
	rooms    *service.Service
	mu       sync.Mutex
	sessions map[muc.JID]*session // by full JID
}

type session struct {
	transport
	wait chan []byte // when it is full, the client is too slow and is cut off; count bytes, too
}

// serve serves a client from its login to its end. Who it is, and its language, are what
// the login found out: the rooms believe it, and the stanzas do not repeat it. A server looks
// at `to` first: what is not for the rooms' domain is for somebody else.
func (s *server) serve(ctx context.Context, who muc.JID, lang string, conn transport) error {
	c := &session{conn, make(chan []byte, 1000)}
	s.mu.Lock()
	s.sessions[who] = c
	s.mu.Unlock()
	go func() { // it alone waits for the client
		for frame := range c.wait {
			_ = c.Write(frame) // if that fails, so does Read
		}
	}()
	frame, err := c.Read()
	for ; err == nil; frame, err = c.Read() {
		el, bad := stanza.Parse(frame, stanza.Stream{Lang: lang})
		if err = bad; err == nil {
			err = s.rooms.Handle(ctx, who, el)
		}
		if err != nil {
			break // the stream cannot go on
		}
	}
	s.mu.Lock()
	delete(s.sessions, who)
	close(c.wait)
	s.mu.Unlock()
	if errors.Is(err, io.EOF) {
		return s.rooms.Offline(ctx, who, nil) // it leaves all rooms in good order
	}
	return errors.Join(err, s.rooms.Vanished(ctx, who)) // it is put out of all rooms: status 333
}

// of are the sessions that a stanza is for: one, or all of an account, as for an invitation.
func (s *server) of(to muc.JID) (all []*session) {
	if c := s.sessions[to]; c != nil {
		return append(all, c)
	}
	for who, c := range s.sessions {
		if who.Bare() == to {
			all = append(all, c)
		}
	}
	return all
}

// deliver is the service's Deliver. If it waited, so would the room.
func (s *server) deliver(ctx context.Context, st service.Stanza) {
	for _, to := range st.To() {
		s.mu.Lock()
		clients := s.of(to)
		for _, c := range clients {
			select {
			case c.wait <- st.AppendXML(nil, to, "jabber:client"):
			default:
				_ = c.Close() // and Read ends
			}
		}
		s.mu.Unlock()
		if len(clients) == 0 {
			_ = s.rooms.Undelivered(ctx, st, to)
		}
	}
}

// A whole host: a server that has clients, whatever carries their stanzas, gives them rooms.
func Example_server() {
	ctx := context.Background()
	h := &server{sessions: map[muc.JID]*session{}}
	var err error
	h.rooms, err = service.New(ctx, service.Config{
		Domain:  "chat.example",
		Room:    muc.Config{Secret: secret, Instant: true}, // 16 random bytes or more that never change
		Store:   new(service.Memory),                       // or sqlitestore.Open, to have rooms tomorrow too
		Deliver: h.deliver,
	})
	if err != nil {
		log.Fatal(err)
	}
	clients := sync.WaitGroup{}
	romeo, juliet := newPipe(), newPipe()
	for who, conn := range map[string]transport{"romeo@example.org/pda": romeo, "juliet@example.org/balcony": juliet} {
		clients.Go(func() { _ = h.serve(ctx, muc.MustParseJID(who), "en", conn) })
	}

	romeo.up <- "<presence to='cellar@chat.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	fmt.Println("Romeo hears", romeo.hear("subject"))
	juliet.up <- "<presence to='cellar@chat.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	juliet.hear("subject")
	juliet.up <- "<message type='groupchat' id='1' to='cellar@chat.example'><body>Ay me!</body></message>"
	fmt.Println("Romeo hears", romeo.hear("Ay me!"))
	close(juliet.up)
	fmt.Println("Romeo hears", romeo.hear("unavailable"))

	close(romeo.up)
	clients.Wait()
	if err := h.rooms.Shutdown(ctx, "closing time"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Romeo hears <message xmlns='jabber:client' to='romeo@example.org/pda' from='cellar@chat.example' type='groupchat'>
	// Romeo hears <message xmlns='jabber:client' to='romeo@example.org/pda' from='cellar@chat.example/Juliet' type='groupchat' id='1' xml:lang='en'>
	// Romeo hears <presence xmlns='jabber:client' to='romeo@example.org/pda' from='cellar@chat.example/Juliet' type='unavailable'>
}

// pipe is a transport to a client in the same process.
type pipe struct{ up, down chan string }

func newPipe() pipe { return pipe{make(chan string), make(chan string, 100)} }

func (p pipe) Read() ([]byte, error) {
	frame, more := <-p.up
	if !more {
		return nil, io.EOF
	}
	return []byte(frame), nil
}

func (p pipe) Write(frame []byte) error { p.down <- string(frame); return nil }
func (p pipe) Close() error             { return nil }

// hear is the beginning of the next stanza with a text in it.
func (p pipe) hear(text string) string {
	for {
		if stanza := <-p.down; strings.Contains(stanza, text) {
			return stanza[:strings.Index(stanza, ">")+1]
		}
	}
}
