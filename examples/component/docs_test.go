package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

// The README lists the metrics that there are.
func TestReadmeListsMetrics(t *testing.T) {
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(muc_\\w+)").FindAllStringSubmatch(readme(t), -1) {
		listed = append(listed, m[1])
	}
	m := newMetrics()
	m.observe(new(component))
	m.refused(&muc.StanzaError{Condition: stanza.Forbidden})
	m.call("append", 0, muc.ErrCorrupt)
	m.dropped.WithLabelValues(dropFull)
	described := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(described)
	close(described)
	var there []string
	for d := range described {
		if name := regexp.MustCompile(`fqName: "(muc_\w+)"`).FindStringSubmatch(d.String()); name != nil {
			there = append(there, name[1])
		}
	}
	assert.ElementsMatch(t, there, listed)
}

// The configuration file and the command of the README are ones.
func TestReadmeSettings(t *testing.T) {
	_, file, ok := strings.Cut(readme(t), "```toml\n")
	require.True(t, ok)
	file, _, _ = strings.Cut(file, "```")
	s := parseOK(t, environment("MUC_CONFIG", configFile(t, file)))
	assert.Equal(t, "127.0.0.1:9347", s.metrics)
	assert.Contains(t, s.blocked, "spam.example")
	_, command, ok := strings.Cut(readme(t), "\ngo run ./examples/component ")
	require.True(t, ok)
	command, _, _ = strings.Cut(command, "\n")
	assert.Equal(t, "conference.localhost", parseOK(t, environment(), strings.Fields(command)...).domain)
}
