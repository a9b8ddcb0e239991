// Command jackal starts a jackal server with chat rooms inside, to be tried out:
//
//	go run ./examples/jackal
//
// It builds the server in examples/jackal/server with a patched copy of jackal. With
// -o it does only that. README.md says what it is for.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

func main() {
	program := flag.String("o", "", "build the server into this `file`, and do no more")
	dir := flag.String("dir", "", "`directory` of the demo's data; by default a new one")
	port := flag.Int("port", 5222, "where clients connect, on 127.0.0.1")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *program != "" {
		err = build(ctx, *program)
	} else {
		err = try(ctx, *dir, *port)
	}
	if err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

// try builds the server, starts it with two accounts, and says how to log in.
func try(ctx context.Context, dir string, port int) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "jackal-rooms"); err != nil {
			return err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	fmt.Println("Building jackal with rooms, which takes a minute the first time …")
	program := filepath.Join(dir, "server")
	if err := build(ctx, program); err != nil {
		return err
	}
	s, err := start(ctx, program, dir, port, os.Stderr)
	if err != nil {
		return err
	}
	for _, name := range []string{"romeo", "juliet"} {
		if err := s.create(ctx, name, "secret-of-"+name); err != nil {
			fmt.Println(err) // it is there from an earlier start
		}
	}
	fmt.Printf("Log in at %s as romeo@localhost, password secret-of-romeo, and as juliet@localhost,\n"+
		"password secret-of-juliet, with any client that takes the certificate %s.\n"+
		"Join cellar@conference.localhost. The data is in %s.\n",
		net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), s.certificate(), dir)
	return s.wait()
}
