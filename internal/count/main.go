// Command count tells how many instructions a room takes for its steps:
//
//	go build -o count ./internal/count && ./count [-o DIR]
//
// It needs valgrind, under which it runs itself once for each line, and its own symbols,
// which go run leaves out. Unlike times,
// instructions are the same on a busy machine. The garbage collector is off, and SHA-256
// is counted without the instructions for it that processors have and valgrind has not.
// With -o, the profiles are left in DIR for callgrind_annotate.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// A measure is what is counted: times steps, which prepare makes.
type measure struct {
	name, what string
	times      int
	prepare    func() (step func(i int))
}

var measures = []measure{
	{"message10", "a message in a room of 10", 500, func() func(int) { return messages(10, message(0), false) }},
	{"message1000", "a message in a room of 1,000", 300, func() func(int) { return messages(1000, message(0), false) }},
	{"copies1000", "the same, and its 1,000 copies written", 5, func() func(int) { return messages(1000, message(0), true) }},
	{"signal1000", "a chat state in a room of 1,000", 300, func() func(int) { return messages(1000, signal(), false) }},
	{"join100", "somebody enters a room of 100 and leaves", 100, joins},
	{"admin", "an affiliation is set in a room of 10,000 members", 200, items},
	{"lists10", "who has the lists of 10 members comes back", 100, func() func(int) { return returns(10) }},
	{"lists10000", "who has the lists of 10,000 members comes back", 100, func() func(int) { return returns(10000) }},
	{"event", "an event is read from JSON and applied", 1000, events},
	{"snapshot", "a snapshot of 10,000 members is written", 1, snapshots},
	{"restore", "a room is restored from it", 1, restores},
}

func main() {
	profiles := flag.String("o", "", "`folder` to leave the profiles in")
	only := flag.String("run", "", "do the steps of one `measure`, without counting")
	flag.Parse()
	for _, m := range measures {
		if m.name == *only {
			measured(m.times, m.prepare())
		} else if *only == "" {
			n, err := m.count(*profiles)
			if err != nil {
				fmt.Fprintln(os.Stderr, "count:", err)
				os.Exit(1)
			}
			fmt.Printf("%-52s %12d\n", m.what, n)
		}
	}
}

// measured is what callgrind collects.
//
//go:noinline
func measured(times int, step func(i int)) {
	for i := range times {
		step(i)
	}
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// count runs a measure under valgrind. That loses its way in a Go program now and then,
// so that it has three tries.
func (m measure) count(profiles string) (perStep int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	profile := os.DevNull
	if profiles != "" {
		profile = filepath.Join(profiles, "callgrind."+m.name)
	}
	for range 3 {
		cmd := exec.Command("valgrind", "--tool=callgrind", "--toggle-collect=main.measured", "--callgrind-out-file="+profile, self, "-run", m.name)
		cmd.Env = append(os.Environ(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("%s: %w: %s", m.name, err, out)
			continue
		}
		if found := collected.FindSubmatch(out); found != nil {
			if n, _ := strconv.Atoi(string(found[1])); n > 0 {
				return n / m.times, nil
			}
		}
		err = fmt.Errorf("%s: nothing was counted: has the program its symbols (go build)?", m.name)
	}
	return 0, err
}
