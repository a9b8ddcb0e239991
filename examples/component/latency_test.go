package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomuc/muc/examples/component/fakeserver"
)

const mallory = "mallory@example.org"

// attacks is what one account sends, to a component as it is by default, to be a nuisance
// to people in other rooms; i counts the stanzas.
var attacks = []struct {
	name   string
	stanza func(i int) string
}{
	{"nothing", nil},
	{"messages", func(i int) string {
		return fmt.Sprintf("<message type='groupchat' from='%s/%d' to='hers@%s'><body>%s</body></message>",
			mallory, i%20, testDomain, strings.Repeat("x", 10000))
	}},
	{"large messages", func(i int) string {
		return fmt.Sprintf("<message type='groupchat' from='%s/%d' to='hers@%s'><x xmlns='urn:example:x'>%s</x></message>",
			mallory, i%20, testDomain, strings.Repeat("x", 240<<10))
	}},
	{"elements", func(i int) string {
		return fmt.Sprintf("<message type='groupchat' from='%s/%d' to='hers@%s'><body>a</body><x xmlns='urn:example:x'>%s</x></message>",
			mallory, i%20, testDomain, strings.Repeat("<a b='' c='' d='' e=''/>", 900))
	}},
	{"too large", func(i int) string {
		return fmt.Sprintf("<message type='groupchat' from='%s/1' to='hers@%s'><body>%s</body></message>", mallory, testDomain, strings.Repeat("x", 300<<10))
	}},
	{"lists of rooms", func(i int) string {
		return fmt.Sprintf("<iq type='get' id='a%d' from='%s/1' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>", i, mallory, testDomain)
	}},
	{"rooms", func(i int) string { return enter(mallory+"/1", fmt.Sprint("hers", i)) }},
	{"in and out", func(i int) string {
		if i%2 == 0 {
			return enter(mallory+"/1", fmt.Sprint("hers", i))
		}
		return strings.Replace(enter(mallory+"/1", fmt.Sprint("hers", i-1)), "<presence", "<presence type='unavailable'", 1)
	}},
	{"bans", func(i int) string {
		items := ""
		for k := range 100 {
			items += fmt.Sprintf("<item affiliation='outcast' jid='u%d-%d@example.org'><reason>%s</reason></item>", i%400, k, strings.Repeat("r", 200))
		}
		return fmt.Sprintf("<iq type='set' id='a%d' from='%s/0' to='hers@%s'><query xmlns='http://jabber.org/protocol/muc#admin'>%s</query></iq>", i, mallory, testDomain, items)
	}},
	{"presence", func(i int) string {
		return fmt.Sprintf("<presence from='%s/%d' to='hers@%s/mallory'><show>away</show><status>%d%s</status></presence>",
			mallory, i%20, testDomain, i, strings.Repeat("z", 900))
	}},
	{"pings", func(i int) string { return ping(fmt.Sprint("a", i), mallory+"/1") }},
	{"requests", func(i int) string { // to oneself as an occupant
		return fmt.Sprintf("<iq type='get' id='a%d' from='%s/%d' to='hers@%s/mallory'><q xmlns='urn:example:q'/></iq>", i, mallory, i%20, testDomain)
	}},
	{"invitations", func(i int) string {
		return fmt.Sprintf("<message from='%s/0' to='hers@%s'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='u%d@example.org'><reason>%s</reason></invite></x></message>",
			mallory, testDomain, i, strings.Repeat("r", 900))
	}},
	{"namespaces", func(i int) string {
		var b strings.Builder
		for k := range 4000 {
			fmt.Fprintf(&b, " xmlns:n%d='urn:example:%d'", k, k)
		}
		return fmt.Sprintf("<message%s type='groupchat' from='%s/1' to='hers@%s'><body>a</body><n1:x/></message>", b.String(), mallory, testDomain)
	}},
	{"archive", func(i int) string {
		return fmt.Sprintf("<iq type='set' id='a%d' from='%s/0' to='hers@%s'><query xmlns='urn:xmpp:mam:2'/></iq>", i, mallory, testDomain)
	}},
}

// attackBytes is how much is sent in a second, which is many times what servers let
// one account send.
const attackBytes = 1 << 20

// BenchmarkOtherRoom is how long a message takes in a room while somebody else attacks
// another one. Run with -benchtime 200x.
func BenchmarkOtherRoom(b *testing.B) {
	for _, attack := range attacks {
		b.Run(attack.name, func(b *testing.B) {
			server := fakeserver.New(b, testDomain, testSecret)
			c := serveAlone(b, server)
			link := server.Next()
			c.joined(link, "quiet", 2)
			link.Send(enter(mallory+"/0", "hers"))
			link.Expect("code='201'", "from='hers@")
			link.Send(fmt.Sprintf("<iq type='set' id='make' from='%s/0' to='hers@%s'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
				"<x xmlns='jabber:x:data' type='submit'/></query></iq>", mallory, testDomain))
			link.Expect("id='make'", "type='result'")
			for i := 1; i < 20; i++ { // as many clients as one may have under one nick
				link.Send(enter(fmt.Sprint(mallory, "/", i), "hers"))
				link.Expect("<subject", fmt.Sprint("to='", mallory, "/", i, "'"))
			}
			if attack.name == "archive" { // pages are as large as they may be
				for i := range 30 {
					link.Send(fmt.Sprintf("<message type='groupchat' from='%s/0' to='hers@%s'><body>%d%s</body></message>", mallory, testDomain, i, strings.Repeat("x", 15000)))
					link.Expect(fmt.Sprintf("<body>%dx", i))
				}
			}
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				if attack.stanza == nil {
					return
				}
				began := time.Now()
				for i, sent := 0, 0; ; {
					var some strings.Builder
					for ; some.Len() < 8<<10; i++ {
						some.WriteString(attack.stanza(i))
					}
					if link.TryFlood(1, func(int) string { return some.String() }) != nil {
						return
					}
					sent += some.Len()
					select {
					case <-stop:
						return
					case <-time.After(time.Until(began.Add(time.Duration(sent) * time.Second / attackBytes))):
					}
				}
			}()
			if attack.stanza != nil {
				time.Sleep(2 * time.Second) // what is allowed at once is used up, or not
			}
			var took []time.Duration
			for i := range b.N {
				link.Forget() // what the attack brought, which is not to be searched
				start := time.Now()
				link.Send(said(0, "quiet", fmt.Sprint(i, "!")))
				link.Expect("<body>"+fmt.Sprint(i, "!")+"</body>", "to='"+person(1)+"'")
				took = append(took, time.Since(start))
				time.Sleep(600 * time.Millisecond) // within the rates
			}
			close(stop)
			<-stopped
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)*9/10].Microseconds())/1000, "ms/90%")
			b.ReportMetric(float64(c.peakMemory()>>20), "MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}
