package muc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/event"
)

// The golden corpus: what a version of the library has written, each later one
// reads. There is a folder for each form that was ever released, and none is ever
// written again.
//
//	events.jsonl   the events of a room that lived through everything, to its end
//	durable.json   its durable snapshot before the end
//	live.json      its live snapshot before the end
//	ended.json     its snapshot after the end

const goldenNow = "testdata/golden/v7"

// writeGolden writes the corpus of this version, which is there already unless the
// form of events has a new number.
func writeGolden(t *testing.T, folder string) {
	l := newLife(t)
	l.live()
	files := map[string][]byte{"durable.json": l.room.Snapshot(Durable), "live.json": l.room.Snapshot(Live)}
	l.die()
	files["ended.json"] = l.room.Snapshot(Live)
	for _, ev := range l.log {
		files["events.jsonl"] = appendGolden(t, files["events.jsonl"], ev)
	}
	require.NoError(t, os.MkdirAll(folder, 0o755))
	for name, b := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), b, 0o644))
	}
}

func appendGolden(t *testing.T, text []byte, ev event.Event) []byte {
	line, err := json.Marshal(ev)
	require.NoError(t, err)
	return append(append(text, line...), '\n')
}

// readGolden reads the events of a folder.
func readGolden(t *testing.T, folder string) []event.Event {
	var events []event.Event
	text, err := os.ReadFile(filepath.Join(folder, "events.jsonl"))
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var ev event.Event
		require.NoError(t, json.Unmarshal(lines.Bytes(), &ev), lines.Text())
		events = append(events, ev)
	}
	return events
}

// TestGolden restores rooms from all corpora that were ever written, in all ways,
// and compares them with the snapshots there.
func TestGolden(t *testing.T) {
	if _, err := os.Stat(goldenNow); os.IsNotExist(err) && *Update {
		writeGolden(t, goldenNow)
	}
	folders, err := filepath.Glob("testdata/golden/v*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { checkGolden(t, folder) })
	}
}

func checkGolden(t *testing.T, folder string) {
	file := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return b
	}
	durable, live, ended := file("durable.json"), file("live.json"), file("ended.json")
	var end struct{ Seq, Sub uint64 }
	require.NoError(t, json.Unmarshal(live, &end))
	events := readGolden(t, folder)
	cut := 0
	for events[cut].Seq != end.Seq || events[cut].Sub != end.Sub {
		cut++
	}
	cut++
	var before []event.Event
	for _, ev := range events[:cut] {
		if ev.Durable() {
			before = append(before, ev)
		}
	}
	restore := func(snapshot []byte, events []event.Event, kind SnapshotKind, want []byte) {
		t.Helper()
		room, err := Restore(newLife(t).cfg, snapshot, events)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(room.Snapshot(kind)))
	}
	restore(nil, events[:cut], Live, live)
	restore(nil, events[:cut], Durable, durable)
	restore(nil, before, Durable, durable)
	restore(durable, nil, Durable, durable)
	restore(live, nil, Live, live)
	restore(live, events[cut:], Live, ended)
	restore(nil, events, Live, ended)
	restore(ended, nil, Live, ended)
}

// TestGoldenIsWhole: the newest corpus has all types of events, and this version
// writes what it reads there as it was. A field that is new is not in it, and must
// not be written where it has no value; any other change of form needs a new version
// of the type.
func TestGoldenIsWhole(t *testing.T) {
	var text []byte
	seen := map[string]bool{}
	for _, ev := range readGolden(t, goldenNow) {
		seen[ev.Type()] = true
		text = appendGolden(t, text, ev)
	}
	for _, body := range event.Bodies() {
		name := event.Event{Body: body}.Type()
		assert.True(t, seen[name], "%s is not in %s", name, goldenNow)
	}
	was, err := os.ReadFile(filepath.Join(goldenNow, "events.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, string(was), string(text))
}
