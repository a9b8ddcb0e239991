package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/gomuc/muc/service"
)

// Administration while the component runs: it listens on a socket of the machine, which only
// its own user may use, and does what the ad-hoc commands of administrators do.

// order is what an operator wants done.
type order struct {
	Command string              `json:"command"`
	Fields  map[string][]string `json:"fields"`
}

// report is what came of it.
type report struct {
	service.CommandResult
	Error string `json:"error,omitempty"`
}

// orderBytes is how long an order may be, orderTime how long it may take.
const (
	orderBytes = 64 << 10
	orderTime  = time.Minute
)

// noSocket is the setting of those who want none.
const noSocket = "none"

// listenAdmin takes orders at a socket until it is stopped.
func (c *component) listenAdmin(path string) (stop func() error, err error) {
	if path == noSocket {
		return func() error { return nil }, nil
	}
	listener, err := listenPrivately(path)
	if err != nil {
		return nil, fmt.Errorf("-admin-socket: %w: name another place, or %s", err, noSocket)
	}
	orders := http.NewServeMux()
	orders.HandleFunc("/", c.takeOrder)
	orders.HandleFunc("POST /hand-over", c.takeSuccessor)
	server := &http.Server{Handler: orders, ReadTimeout: 10 * time.Second, WriteTimeout: orderTime + 10*time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("no administration by the socket any more", "error", err)
		}
	}()
	return func() error {
		_ = server.Close()
		_ = os.Remove(path)
		return nil
	}, nil
}

// longestSocket is how long the name of a socket may be, for all systems.
const longestSocket = 103

// listenPrivately listens at a socket that only this user may use: it is made in a directory
// that nobody else may enter. One that is left of an earlier process is replaced.
func listenPrivately(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is no socket", path)
	}
	if len(path) > longestSocket { // it could be made, but nobody could use it
		return nil, fmt.Errorf("%s is longer than %d bytes", path, longestSocket)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".muc-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s")})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // it has another name then
	err = os.Chmod(filepath.Join(dir, "s"), 0o600)
	if err == nil {
		err = os.Rename(filepath.Join(dir, "s"), path)
	}
	if err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// takeOrder carries out an order.
func (c *component) takeOrder(w http.ResponseWriter, r *http.Request) {
	var o order
	var done report
	ctx, cancel := context.WithTimeout(r.Context(), orderTime)
	defer cancel()
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, orderBytes)).Decode(&o)
	if rooms := c.service(); err == nil && rooms == nil {
		err = service.ErrClosed // it has only begun
	} else if err == nil {
		done.CommandResult, err = rooms.Command(ctx, o.Command, o.Fields)
	}
	if err != nil {
		done.Error = err.Error()
	}
	_ = json.NewEncoder(w).Encode(done)
}

// subcommand is a command that a running component carries out. The arguments are the values
// of fields, of which the first ones are required.
type subcommand struct {
	name, node  string
	fields      []string
	least       int
	usage, help string
	always      map[string][]string
}

var subcommands = []subcommand{
	{"list", "list-rooms", []string{"search"}, 0, "[TEXT]", "lists rooms, hidden ones too: all, or those with a text in their address or name", nil},
	{"show", "show-room", []string{"room"}, 1, "ROOM", "tells what a room is and who is inside", nil},
	{"create", "create-room", []string{"room", "owner", "name"}, 2, "ROOM OWNER [NAME]", "makes a room", nil},
	{"destroy", "destroy-room", []string{"room", "reason", "alternate"}, 1, "ROOM [REASON [ALTERNATE]]", "destroys a room, and what is stored of it", map[string][]string{"sure": {"1"}}},
	{"free", "free-room", []string{"room"}, 1, "ROOM", "frees the address of a room that was destroyed, so that a new one can be made there", nil},
	{"owner", "change-owner", []string{"room", "owner", "former"}, 2, "ROOM OWNER [stay|admins|go]", "gives a room another owner; those who own it stay owners, become admins, or go", nil},
	{"announce", "http://jabber.org/protocol/admin#announce", []string{"announcement"}, 1, "TEXT", "says something in all rooms in which somebody is", nil},
}

// administer has a running component carry out a subcommand.
func administer(args []string, getenv func(string) string, stdout io.Writer) error {
	name := args[0]
	for i := range subcommands {
		if c := &subcommands[i]; c.name == name {
			texts, rest, err := gather(args[1:], getenv, stdout)
			if err != nil {
				return err
			}
			if len(rest) < c.least || len(rest) > len(c.fields) {
				return fmt.Errorf("it is: component %s [-config FILE] %s", c.name, c.usage)
			}
			return c.give(socketOf(texts), rest, stdout)
		}
	}
	return fmt.Errorf("%q is no command and no flag: see -h", name)
}

// socketOf is where a component with these settings takes orders.
func socketOf(texts map[string]given) string {
	if g := texts["admin-socket"]; g.text != "" {
		return g.text
	}
	if g, ok := texts["store"]; ok {
		return g.text + ".sock"
	}
	return "rooms.db.sock"
}

// give gives the order, of a list page by page.
func (c *subcommand) give(socket string, args []string, stdout io.Writer) error {
	client := &http.Client{Timeout: orderTime + 20*time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
	o := order{c.node, map[string][]string{}}
	for name, values := range c.always {
		o.Fields[name] = values
	}
	for i, arg := range args {
		o.Fields[c.fields[i]] = []string{arg}
	}
	out := tabwriter.NewWriter(stdout, 0, 8, 2, ' ', 0)
	defer out.Flush()
	for page := 0; ; page++ {
		done, err := post(client, o)
		var refused *net.OpError
		switch {
		case errors.As(err, &refused) && refused.Op == "dial":
			return fmt.Errorf("%w: does the component run, with the same -config or -store?", refused)
		case err != nil:
			return err
		case done.Error != "":
			return errors.New(done.Error)
		}
		done.print(out, page == 0)
		if len(done.Rows) == 0 || done.Note == "" {
			return nil
		}
		o.Fields["after"] = []string{done.Rows[len(done.Rows)-1][0]}
	}
}

func post(client *http.Client, o order) (done report, err error) {
	body, err := json.Marshal(o)
	if err != nil {
		return done, err
	}
	answer, err := client.Post("http://component/", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return done, err
	}
	defer answer.Body.Close()
	return done, json.NewDecoder(answer.Body).Decode(&done)
}

// print writes a report for people. The note of a list is that it goes on, which it does.
func (r *report) print(w io.Writer, head bool) {
	if r.Note != "" && r.Columns == nil {
		fmt.Fprintln(w, printable(r.Note))
	}
	for _, f := range r.Fields {
		fmt.Fprintf(w, "%s:\t%s\n", f.Label, printable(strings.Join(f.Values, ", ")))
	}
	if head && r.Columns != nil {
		for _, column := range r.Columns {
			fmt.Fprint(w, column.Label, "\t")
		}
		fmt.Fprintln(w)
	}
	for _, row := range r.Rows {
		for _, v := range row {
			fmt.Fprint(w, printable(v), "\t")
		}
		fmt.Fprintln(w)
	}
}

// printable is a text that does nothing to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
