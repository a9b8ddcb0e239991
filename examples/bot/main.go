// Command bot plays an evening in a chat room with a bot: the same bot as part of the room
// itself without any network, beside the rooms of a service, and as a client.
//
//	go run ./examples/bot
//	go run ./examples/bot -as client
//	go run ./examples/bot -        to talk to it yourself, a line for each who speaks
//
// README.md compares the three.
package main

import (
	"bufio"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/gomuc/muc"
)

var (
	cellar = muc.MustParseJID("cellar@chat.example")
	secret = []byte("only for this evening: use random bytes")
)

//go:embed evening.txt
var evening string

func main() {
	as := flag.String("as", "room", "where the bot lives: room, service or client")
	flag.Parse()
	var lines io.Reader = strings.NewReader(evening)
	if flag.Arg(0) == "-" {
		lines = os.Stdin
	}
	if err := play(*as, lines, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// place is where people and the bot meet.
type place interface {
	// hands over a stanza of somebody, and returns when all that came of it was written.
	hand(from muc.JID, stanza string) error
	// bridged has somebody of another network speak.
	bridged(name, text string) error
	close() error
}

// play has people enter and speak, line by line, and writes what the first of them hears, and
// what is said to one alone.
func play(as string, lines io.Reader, out io.Writer) error {
	enter, known := map[string]func(w *witness) (place, error){"room": inRoomPlace, "service": inServicePlace, "client": asClientPlace}[as]
	if !known {
		return fmt.Errorf("-as %s: it is room, service or client", as)
	}
	w := &witness{out: out}
	p, err := enter(w)
	if err != nil {
		return err
	}
	inside := map[string]bool{}
	for in := bufio.NewScanner(lines); in.Scan(); {
		if err := line(p, w, inside, in.Text()); err != nil {
			return err
		}
	}
	return p.close()
}

// line plays one line: "NAME: TEXT", "NAME to NICK: TEXT", or "NAME on irc: TEXT".
func line(p place, w *witness, inside map[string]bool, text string) error {
	who, said, ok := strings.Cut(text, ": ")
	if !ok {
		fmt.Fprintln(w.out, "a line is NAME: TEXT, NAME to NICK: TEXT, or NAME on irc: TEXT")
		return nil
	}
	if name, bridged := strings.CutSuffix(who, " on irc"); bridged {
		return p.bridged(name, said)
	}
	name, to, private := strings.Cut(who, " to ")
	jid, err := muc.ParseJID(strings.ToLower(name) + "@example.org/pc")
	if err != nil {
		return err
	}
	if !inside[name] {
		inside[name] = true
		if w.of.IsZero() {
			w.of = jid
		}
		if err := p.hand(jid, element("presence", "", cellar.String()+"/"+name, "", "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>")); err != nil {
			return err
		}
	}
	if private {
		return p.hand(jid, element("message", "chat", cellar.String()+"/"+to, said, ""))
	}
	return p.hand(jid, element("message", "groupchat", cellar.String(), said, ""))
}
