package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// errHelp: somebody asked for help, and has it.
var errHelp = errors.New("help was asked for")

// given is the text of an option, and where it stands.
type given struct{ text, source string }

// parse reads the settings: flags go before the environment, the environment
// before the file. Errors name what to change.
func parse(args []string, getenv func(string) string, help io.Writer) (settings, error) {
	texts := map[string]given{}
	flags := flag.NewFlagSet("component", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for i := range options {
		o := &options[i]
		flags.Func(o.name, o.help, func(v string) error {
			texts[o.name] = given{v, "-" + o.name}
			return nil
		})
	}
	file := flags.String("config", getenv("MUC_CONFIG"), "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		printHelp(help)
		return settings{}, errHelp
	case err != nil:
		return settings{}, fmt.Errorf("%w: see -h", err)
	case flags.NArg() > 0:
		return settings{}, fmt.Errorf("%q is no flag: see -h", flags.Arg(0))
	}
	for i := range options {
		o := &options[i]
		if _, ok := texts[o.name]; ok {
			continue
		}
		if v := getenv(o.variable()); v != "" {
			texts[o.name] = given{v, o.variable()}
		}
	}
	if *file != "" {
		content, err := os.ReadFile(*file)
		if err != nil {
			return settings{}, fmt.Errorf("-config: %w", err)
		}
		if err := parseFile(*file, string(content), texts); err != nil {
			return settings{}, err
		}
	}
	return settle(texts)
}

// parseFile reads lines of `name = value`. What is in texts already goes before.
func parseFile(name, content string, texts map[string]given) error {
	here := map[string]bool{}
	number := 0
	for line := range strings.Lines(content) {
		number++
		at := fmt.Sprintf("%s:%d", name, number)
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok:
			return fmt.Errorf("%s: a line is `name = value`", at)
		case !known(key):
			return fmt.Errorf("%s: there is no setting %q: see -h", at, key)
		case here[key]:
			return fmt.Errorf("%s: %s stands twice in this file", at, key)
		}
		here[key] = true
		if _, ok := texts[key]; !ok {
			texts[key] = given{value, at + ": " + key}
		}
	}
	return nil
}

func known(name string) bool {
	for i := range options {
		if options[i].name == name {
			return true
		}
	}
	return false
}

// settle makes settings of texts.
func settle(texts map[string]given) (settings, error) {
	var s settings
	for i := range options {
		o := &options[i]
		g, ok := texts[o.name]
		if !ok {
			g = given{o.standard, "-" + o.name}
		}
		if err := o.set(&s, g.text); err != nil {
			return s, fmt.Errorf("%s: %w", g.source, err)
		}
	}
	return s, nil
}

const helpHead = `component gives an XMPP server chat rooms (XEP-0045): a service of many rooms
on a domain of its own, connected to the server as an external component
(XEP-0114). The rooms are kept in one SQLite file.

usage: component -domain DOMAIN -secret TEXT [flags]

Each setting is a flag, an environment variable or a line "name = value" of the
configuration file; the first of these that is given counts.

`

const helpFoot = `
SIGTERM or an interrupt tells everybody inside that the service goes down, sends
what waits, and ends with status 0. The status is 2 if a setting is wrong, and 1
if anything else fails; one line says what.
`

// printHelp explains the command.
func printHelp(w io.Writer) {
	fmt.Fprint(w, helpHead)
	fmt.Fprintf(w, "  -config FILE, MUC_CONFIG\n\ta configuration file\n")
	for i := range options {
		o := &options[i]
		fmt.Fprintf(w, "  -%s %s, %s\n\t%s", o.name, o.value, o.variable(), o.help)
		if o.standard != "" {
			fmt.Fprintf(w, " (%s)", o.standard)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, helpFoot)
}
