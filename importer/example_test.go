package importer_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/importer"
	"github.com/gomuc/muc/service"
)

// The rooms of a Prosody, in a store of a service. A host gives it a store that stores all or
// nothing, such as that of sqlitestore.Store.Together.
func Example() {
	source, err := importer.Prosody("testdata/prosody", "conference.localhost")
	if err != nil {
		log.Fatal(err)
	}
	defer source.Close()
	cfg := service.Config{Domain: "rooms.example.org", Store: new(service.Memory),
		Room: muc.Config{Secret: []byte("only for tests: use random bytes"), Archive: true}}
	result, err := importer.Import(context.Background(), cfg, source, importer.Options{
		Note: func(room muc.JID, line string) { fmt.Println(room, line) },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Rooms, "rooms,", result.Messages, "messages")
	// Output: 2 rooms, 5 messages
}
