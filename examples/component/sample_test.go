package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write muc.toml and the settings in README.md again")

// sample is a complete configuration file: all settings, with what they are when nobody
// says anything.
func sample() string {
	var b strings.Builder
	b.WriteString("# All settings of the component. What stands behind a # is what counts without it.\n" +
		"# A flag or a variable of the environment goes before this file. The secret is in it, so only\n" +
		"# the user of the component should be able to read it. SIGHUP has those read again that are\n" +
		"# marked “live”; the others want a restart.\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n### %s\n", g.title)
		for _, o := range g.options {
			text := o.help
			if o.when == live {
				text += " (live)"
			}
			b.WriteString("\n")
			line := "#"
			for word := range strings.FieldsSeq(text) {
				if len(line)+1+len(word) > 95 {
					b.WriteString(line + "\n")
					line = "#"
				}
				line += " " + word
			}
			b.WriteString(line + "\n")
			switch o.name {
			case "domain":
				b.WriteString("domain = \"conference.example.org\"\n")
			case "secret":
				b.WriteString("secret = \"change-me\"\n")
			default:
				fmt.Fprintf(&b, "#%s = %s\n", o.name, inFile(&o))
			}
		}
	}
	return b.String()
}

// inFile is the standard value of an option as it stands in a file.
func inFile(o *option) string {
	switch {
	case strings.Contains(o.value, ","):
		return "[" + o.standard + "]"
	case o.value == "NUMBER" || o.value == "BYTES" || o.value == "EVENTS" || o.value == "BOOL":
		return o.standard
	}
	return strconv.Quote(o.standard)
}

// muc.toml has all settings, with their standard values: taken out of the comments they
// change nothing.
func TestSample(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile("muc.toml", []byte(sample()), 0o644))
	}
	file, err := os.ReadFile("muc.toml")
	require.NoError(t, err)
	assert.Equal(t, sample(), string(file), "print it again with -update")
	set := regexp.MustCompile(`(?m)^#([a-z])`).ReplaceAllString(string(file), "$1")
	short := parseOK(t, environment("MUC_CONFIG", configFile(t, string(file))))
	whole := parseOK(t, environment("MUC_CONFIG", configFile(t, set)))
	for _, o := range options {
		assert.Contains(t, whole.texts[o.name].source, ".conf: "+o.name, "it is in the file")
		assert.Equal(t, short.texts[o.name].text, whole.texts[o.name].text, o.name)
	}
}

// The README lists all settings.
func TestReadmeSettingsTable(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Setting | Default | |\n|---|---|---|\n| `-config` | | a file with settings |\n")
	for _, o := range options {
		standard := ""
		if o.standard != "" {
			standard = "`" + o.standard + "` "
		}
		star := ""
		if o.when == live {
			star = " *"
		}
		fmt.Fprintf(&table, "| `-%s`%s | %s| %s |\n", o.name, star, standard, o.help)
	}
	text := readme(t)
	head, rest, ok := strings.Cut(text, "| Setting |")
	require.True(t, ok)
	_, rest, ok = strings.Cut(rest, "\n\n")
	require.True(t, ok)
	is := head + table.String() + "\n" + rest
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(is), 0o644))
		text = is
	}
	assert.Equal(t, is, text, "print it again with -update")
}
