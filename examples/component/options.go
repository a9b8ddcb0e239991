package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// errHelp: somebody asked for help, and has it.
var errHelp = errors.New("help was asked for")

// given is the text of an option, and where it stands.
type given struct{ text, source string }

// What is no setting, but what is to be done: a store is to be checked, or the component that
// runs is to be taken over.
const (
	toCheck    = "check"
	toTakeOver = "take-over"
)

// parse reads the settings: flags go before the environment, the environment
// before the file. Errors name what to change.
func parse(args []string, getenv func(string) string, help io.Writer) (settings, error) {
	texts, rest, err := gather(args, getenv, help)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q is no flag: see -h", rest[0])
	}
	if err != nil {
		return settings{}, err
	}
	_, checks := texts[toCheck]
	if err := readSecret(texts); err != nil && !checks {
		return settings{}, err
	}
	if _, ok := texts["secret"]; checks && !ok {
		texts["secret"] = given{"none", "-check"} // nobody is asked for it
	}
	s, err := settle(texts)
	s.check = checks
	_, s.succeeds = texts[toTakeOver]
	s.getenv = getenv
	s.again = func() (settings, error) { return parse(args, getenv, io.Discard) }
	return s, err
}

// secretBytes bounds the file of -secret-file, settingsBytes that of -config.
const (
	secretBytes   = 4096
	settingsBytes = 1 << 20
)

// readAtMost reads a file that is not larger than it may be.
func readAtMost(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is larger than %d bytes: is it the right file?", name, most)
	}
	return text, err
}

// readSecret reads the secret from its file, if one is named.
func readSecret(texts map[string]given) error {
	name := texts["secret-file"]
	if name.text == "" {
		return nil
	}
	if also, ok := texts["secret"]; ok {
		return fmt.Errorf("%s: the secret is given by %s too: keep one of them", name.source, also.source)
	}
	text, err := readAtMost(name.text, secretBytes)
	secret := strings.TrimSpace(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name.source, err)
	case secret == "" || strings.ContainsAny(secret, "\r\n"):
		return fmt.Errorf("%s: %s must hold the secret, in one line, and nothing else", name.source, name.text)
	}
	texts["secret"] = given{secret, name.source}
	return nil
}

// gather finds the text of each option that is given, and what follows the flags, to which a
// subcommand may add its own.
func gather(args []string, getenv func(string) string, help io.Writer, own ...func(*flag.FlagSet)) (texts map[string]given, rest []string, err error) {
	texts = map[string]given{}
	flags := flag.NewFlagSet("component", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for i := range options {
		o := &options[i]
		flags.Func(o.name, o.help, func(v string) error {
			texts[o.name] = given{v, "-" + o.name}
			return nil
		})
	}
	for _, add := range own {
		add(flags)
	}
	file := flags.String("config", getenv("MUC_CONFIG"), "")
	for _, name := range []string{toCheck, toTakeOver} {
		flags.BoolFunc(name, "", func(string) error {
			texts[name] = given{"true", "-" + name}
			return nil
		})
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		printHelp(help)
		return nil, nil, errHelp
	case err != nil:
		return nil, nil, fmt.Errorf("%w: see -h", err)
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
		if err := readFile(*file, texts); err != nil {
			return nil, nil, err
		}
	}
	return texts, flags.Args(), nil
}

// readFile reads a configuration file, which is TOML. What is in texts already goes before.
func readFile(name string, texts map[string]given) error {
	content, err := readAtMost(name, settingsBytes)
	if err != nil {
		return fmt.Errorf("-config: %w", err)
	}
	var values map[string]any
	if err := toml.Unmarshal(content, &values); err != nil {
		var bad toml.ParseError
		if errors.As(err, &bad) {
			return fmt.Errorf("%s:%d: %s: a line is as in name = \"value\"", name, bad.Position.Line, bad.Message)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		at := name + ": " + key
		if !slices.ContainsFunc(options, func(o option) bool { return o.name == key }) {
			return fmt.Errorf("%s: there is no such setting: see -h", at)
		}
		text, err := textOf(values[key])
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if _, ok := texts[key]; !ok {
			texts[key] = given{text, at}
		}
	}
	return nil
}

// textOf is a value of the file as a flag would give it.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, bool:
		return fmt.Sprint(v), nil
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			text, ok := v[i].(string)
			if !ok || strings.ContainsAny(text, ", ") {
				return "", errors.New(`a list is as in ["one", "two"], without spaces and commas in the texts`)
			}
			texts[i] = text
		}
		return strings.Join(texts, ","), nil
	}
	return "", errors.New("must be a text, a whole number, true, false, or a list of texts")
}

// settle makes settings of texts.
func settle(texts map[string]given) (settings, error) {
	s := settings{texts: map[string]given{}}
	for i := range options {
		o := &options[i]
		g, ok := texts[o.name]
		if !ok {
			g = given{o.standard, "-" + o.name}
		}
		if err := o.set(&s, g.text); err != nil {
			return s, fmt.Errorf("%s: %w", g.source, err)
		}
		s.texts[o.name] = g
	}
	s.adminSocket = socketOf(s.texts)
	return s, nil
}

// takeOver is the settings with those of others that can change while the component runs.
// It names what changed, and what would have to, but needs a restart.
func (s *settings) takeOver(others settings) (next settings, changed, fixed []string, err error) {
	texts := maps.Clone(s.texts)
	for i := range options {
		o := &options[i]
		switch {
		case s.texts[o.name].text == others.texts[o.name].text:
		case o.when == live:
			texts[o.name] = others.texts[o.name]
			changed = append(changed, o.name)
		default:
			fixed = append(fixed, o.name)
		}
	}
	next, err = settle(texts)
	next.again = s.again
	return next, changed, fixed, err
}

const helpHead = `component gives an XMPP server chat rooms (XEP-0045): a service of many rooms
on a domain of its own, connected to the server as an external component
(XEP-0114). The rooms are kept in one SQLite file.

usage: component -domain DOMAIN -secret TEXT [flags]
       component -check -domain DOMAIN [-store FILE]
       component -take-over [flags]
       component import -from prosody|ejabberd [flags] DIR|FILE
       component COMMAND [-config FILE] [arguments]

With -check it reads the store, while no component works on it, and says what is
wrong in it. With -take-over it goes on with the rooms and the connection of the
component that runs with the same settings, which ends: nobody in a room notices.
If it cannot, that one goes on. If none runs, it starts as without it.

With import it takes over, while no component works on the store, the rooms that
the server had itself: from the directory of Prosody's data, or from a file that
` + "`ejabberdctl dump FILE`" + ` has written. It takes over all or nothing, and says what it
leaves out, a line each. Its own flags are

  -dry-run          says all that, and imports nothing
  -host DOMAIN      whose rooms, where several hosts have some
  -owner JID        who owns the rooms that have no owner
  -existing HOW     of rooms that are in the store already: skip, or replace

Each setting is a flag, an environment variable or a line of the configuration
file, which is TOML; the first of these that is given counts. Those with a star
are read again when the process gets SIGHUP.

`

const helpFoot = `
SIGTERM or an interrupt stores who is inside for the next start, or tells them that
the service goes down (-stop), sends what waits, and ends with status 0. The status
is 2 if a setting is wrong, and 1 if anything else fails; one line says what.
`

// printHelp explains the command.
func printHelp(w io.Writer) {
	fmt.Fprint(w, helpHead)
	fmt.Fprintf(w, "Commands, for a component that runs with this -config or -store:\n\n")
	for _, c := range subcommands {
		fmt.Fprintf(w, "  %s %s\n\t%s\n", c.name, c.usage, c.help)
	}
	fmt.Fprintf(w, "\nSettings:\n\n  -config FILE, MUC_CONFIG\n\ta configuration file\n")
	for _, g := range groups {
		fmt.Fprintf(w, "\n%s:\n\n", g.title)
		for _, o := range g.options {
			star := ""
			if o.when == live {
				star = " *"
			}
			fmt.Fprintf(w, "  -%s %s, %s%s\n\t%s", o.name, o.value, o.variable(), star, o.help)
			if o.standard != "" {
				fmt.Fprintf(w, " (%s)", o.standard)
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprint(w, helpFoot)
}
