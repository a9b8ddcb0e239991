//go:build patched

// Command server is jackal with chat rooms inside. It builds with a patched jackal only:
// `go run ./examples/jackal -o FILE` does that. It takes jackal's own flags, and of the
// environment:
//
//	ROOMS_DOMAIN  the domain of the rooms; conference. before jackal's own by default
//	ROOMS_STORE   the SQLite file, rooms.db by default
//	ROOMS_HEIR    who becomes owner of rooms whose only owner's account is deleted
package main

import (
	"cmp"
	"log"
	"os"

	"github.com/ortuman/jackal/pkg/component"
	"github.com/ortuman/jackal/pkg/hook"
	"github.com/ortuman/jackal/pkg/host"
	"github.com/ortuman/jackal/pkg/jackal"
	"github.com/ortuman/jackal/pkg/router"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/jackal/rooms"
)

func main() {
	server := jackal.New(os.Stdout, os.Args)
	server.AddComponent(func(hosts *host.Hosts, r router.Router, hooks *hook.Hooks) (component.Component, error) {
		cfg := rooms.Config{
			Domain: cmp.Or(os.Getenv("ROOMS_DOMAIN"), "conference."+hosts.DefaultHostName()),
			Store:  cmp.Or(os.Getenv("ROOMS_STORE"), "rooms.db"),
			Router: r,
			Hooks:  hooks,
			Hosts:  hosts.HostNames(),
		}
		if heir := os.Getenv("ROOMS_HEIR"); heir != "" {
			var err error
			if cfg.Heir, err = muc.ParseJID(heir); err != nil {
				return nil, err
			}
		}
		return rooms.New(cfg)
	})
	if err := server.Run(); err != nil {
		log.Fatal(err)
	}
}
