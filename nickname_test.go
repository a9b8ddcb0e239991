package muc_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/stanza"
)

// TestNickRules is what the two rules make of names, and that what they make is
// stable: a nick that came out goes in unchanged.
// rows: C39, C40
func TestNickRules(t *testing.T) {
	for _, tt := range []struct {
		wanted, nick, key string
		strict            bool // StrictNick makes the same of it
	}{
		{"Zoë", "Zoë", "zoë", true},
		{"Zoe\u0308", "Zoë", "zoë", true},
		{"李雷", "李雷", "李雷", true},
		{"محمد", "محمد", "محمد", true},
		{"Dr. Who", "Dr. Who", "dr. who", true},
		{"Dr.  Who", "Dr.  Who", "dr. who", true},
		{"ｒｏｍｅｏ", "ｒｏｍｅｏ", "romeo", true},
		// A joiner that the script needs is no part of an emoji.
		{"می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم", true},
		{"क्\u200dष", "क्\u200dष", "क्\u200dष", true},
		{"❤\ufe0f", "❤", "❤", false},
		{"1\ufe0f\u20e3", "1\u20e3", "1\u20e3", false},
		{"👩\u200d💻", "👩💻", "👩💻", false},
		{"👩🏽\u200d💻", "👩🏽💻", "👩🏽💻", false},
		{"🏳\ufe0f\u200d🌈", "🏳🌈", "🏳🌈", false},
	} {
		got, e := muc.NormalizeNick(tt.wanted)
		require.Nil(t, e, "%+q", tt.wanted)
		assert.Equal(t, muc.NickResult{Nick: tt.nick, Key: tt.key, Changed: tt.nick != tt.wanted}, got, "%+q", tt.wanted)
		again, e := muc.NormalizeNick(got.Nick)
		require.Nil(t, e)
		assert.Equal(t, muc.NickResult{Nick: tt.nick, Key: tt.key}, again, "%+q again", tt.wanted)

		got, e = muc.StrictNick(tt.wanted)
		if tt.strict {
			require.Nil(t, e, "%+q, strictly", tt.wanted)
			assert.Equal(t, tt.nick, got.Nick)
		} else {
			require.NotNil(t, e, "%+q, strictly", tt.wanted)
			assert.Equal(t, stanza.JIDMalformed, e.Condition)
		}
	}
	for _, wanted := range []string{"", " ", "\u3000", "\u200b", "\u200d", "\ufe0f", "\u2800", "\u3164", "\u0301",
		"\u202eRomeo", "Romeo\u200f", "Romeo\u2066", "Romeo ", "\u00a0Romeo", "Ro\tmeo", "Ro\nmeo", "Ro\u00admeo",
		"Ro\u200dmeo", "❤\ufe0fa\u200d", "\ue000", "\x00", "\ufeffRomeo"} {
		_, e := muc.NormalizeNick(wanted)
		if assert.NotNil(t, e, "%+q", wanted) {
			assert.Contains(t, []stanza.Condition{stanza.JIDMalformed, stanza.NotAcceptable}, e.Condition)
			assert.Equal(t, "XEP-0045 §17.1", e.Section)
			assert.NotEmpty(t, e.Text)
		}
	}
}

// TestNicksHoldNothingBlank: what nobody sees stands nowhere in a nick, so that no nick
// looks like another. Spaces are all the same one.
// rows: C39
func TestNicksHoldNothingBlank(t *testing.T) {
	blank := map[rune]bool{0x2800: true, 0xFFFC: true, 0x1107F: true, 0x13441: true, 0x13442: true, 0x16FE4: true,
		0x1D159: true, 0x1DA7F: true, 0x1DA80: true}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		space := unicode.IsSpace(r)
		if !blank[r] && !space && !unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			continue
		}
		for _, wanted := range []string{"Ro" + string(r) + "meo", "Romeo" + string(r), string(r) + "Romeo"} {
			if got, e := muc.NormalizeNick(wanted); e == nil {
				assert.True(t, space && got.Nick == "Ro meo", "%+q became %+q", wanted, got.Nick)
			}
		}
	}
}

// TestNickRuleOfTheHost is a host's own rule: it finds nicks alike that only look
// alike. It is asked when somebody comes, and never when events are replayed.
// rows: C41
func TestNickRuleOfTheHost(t *testing.T) {
	replaying := false
	lookalikes := strings.NewReplacer("о", "o", "е", "e", "а", "a", "р", "p") // Cyrillic, Latin
	cfg := muc.Config{Instant: true, Nick: func(wanted string) (muc.NickResult, *muc.StanzaError) {
		if replaying {
			panic("a rule was asked in a replay")
		}
		if wanted == "admin" {
			return muc.NickResult{}, &muc.StanzaError{Condition: stanza.NotAcceptable, Text: "that name is ours"}
		}
		res, e := muc.NormalizeNick(wanted)
		res.Key = lookalikes.Replace(res.Key)
		return res, e
	}}
	h := unborn(t, cfg)
	h.Join("romeo@montague.example/orchard", "Romeo")
	tybalt := h.Client("tybalt@capulet.example/street")
	tybalt.Joins("Rоmеo")
	tybalt.IsRefused(stanza.Conflict)
	tybalt.Joins("admin")
	tybalt.Receives(muctest.Error(stanza.NotAcceptable, stanza.TypeCancel).Reason("that name is ours"))
	h.Join("tybalt@capulet.example/street", "Tybalt")

	live, durable := h.Snapshot(muc.Live), h.Snapshot(muc.Durable)
	replaying = true
	for _, restore := range []struct {
		snapshot []byte
		events   []event.Event
	}{{nil, h.Events()}, {live, nil}} {
		again, err := muc.Restore(h.Config, restore.snapshot, restore.events)
		require.NoError(t, err)
		assert.Equal(t, string(live), string(again.Snapshot(muc.Live)))
		assert.Equal(t, string(durable), string(again.Snapshot(muc.Durable)))
	}
}

// FuzzNick: a nick that the rules accept comes back unchanged, is an address, has
// one key however it is written, and can be read.
func FuzzNick(f *testing.F) {
	for _, s := range []string{"Amy", "amy", "Dr. Who", "Zoë", "李雷", "❤️", "a&b<'\">", " ", "", "x\u202Ey", strings.Repeat("n", 80),
		"Zoe\u0308", "ＦＵＬＬ", "a  b", "\u200Bx", "x\uFE0F", "1\uFE0F\u20E3", "👩‍💻", "👨‍👩‍👧", "ǅ", "ß", "İ", "ﬃ", "\u00A0", "ي"} {
		f.Add(s)
	}
	room := muc.MustParseJID("room@chat.lit")
	f.Fuzz(func(t *testing.T, s string) {
		for _, rule := range []muc.NickRule{muc.NormalizeNick, muc.StrictNick} {
			res, refused := rule(s)
			if len(res.Nick) > 1023 {
				continue // the room refuses it, whatever the rule
			}
			if refused != nil {
				require.NotEmpty(t, refused.Condition)
				require.NotEmpty(t, refused.Section)
				require.Zero(t, res)
				continue
			}
			require.NotEmpty(t, res.Nick)
			require.NotEmpty(t, res.Key)
			require.Equal(t, res.Nick != s, res.Changed)
			again, refused := rule(res.Nick)
			require.Nil(t, refused, "%q of %q", res.Nick, s)
			require.Equal(t, muc.NickResult{Nick: res.Nick, Key: res.Key}, again, "of %q", s)
			j, err := muc.ParseJID(room.String() + "/" + res.Nick)
			require.NoError(t, err, "%q", res.Nick)
			require.Equal(t, res.Nick, j.Resource())
			key, refused := rule(res.Key)
			if refused == nil {
				require.Equal(t, res.Key, key.Key, "a key is its own key: %q of %q", res.Key, s)
			}
			require.NotContains(t, res.Nick, "\u202E")
		}
	})
}
