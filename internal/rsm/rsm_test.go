package rsm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

var letters = strings.Split("bdfhj", "")

func find(uid string) (int, bool) {
	if uid == "?" {
		return rsm.Nowhere, false
	}
	return slices.BinarySearch(letters, uid)
}

// answer is the part of letters that the children of a <set/> ask for, and what is said of it.
func answer(children string) (string, string, *stanza.Error) {
	values := map[string]string{}
	for _, c := range strings.Fields(children) {
		name, value, _ := strings.Cut(c, "=")
		values[name] = value
	}
	p, e := rsm.Read(3, func(name string) (string, bool) { text, given := values[name]; return text, given })
	if e != nil {
		return "", "", e
	}
	is, e := p.Cut(len(letters), find)
	if e != nil {
		return "", "", e
	}
	is = p.Within(is, 20, func(int) int { return 10 })
	var w xmlwire.Writer
	p.Write(&w, is, func(i int) string { return letters[i] })
	return strings.Join(letters[is.From:is.To], ""), string(w.Bytes), nil
}

func TestPages(t *testing.T) {
	for asked, want := range map[string]string{
		"":               "bd", // 3 items are asked for, and 2 fit
		"max=1":          "b",
		"max=0":          "",
		"after=b":        "df",
		"after=c":        "df", // no longer there, and still a place
		"after=j":        "",
		"before=":        "hj",
		"before=h":       "df",
		"before=g":       "df",
		"before=b":       "",
		"before= max=1":  "j",
		"index=3":        "hj",
		"index=9":        "",
		"index=1 max=1":  "d",
		"max=9 after=a":  "bd",
		"max=1 before=d": "b",
	} {
		got, _, e := answer(asked)
		require.Nil(t, e, asked)
		assert.Equal(t, want, got, asked)
	}
	for asked, want := range map[string]stanza.Condition{
		"max=-1": stanza.BadRequest, "max=": stanza.BadRequest, "max=99999999999": stanza.BadRequest, "index=x": stanza.BadRequest,
		"after=?": stanza.ItemNotFound, "before=?": stanza.ItemNotFound,
	} {
		_, _, e := answer(asked)
		require.NotNil(t, e, asked)
		assert.Equal(t, want, e.Condition, asked)
	}
}

func TestWhatIsSaid(t *testing.T) {
	for asked, want := range map[string]string{
		"after=b": "<set xmlns='http://jabber.org/protocol/rsm'><first index='1'>d</first><last>f</last><count>5</count></set>",
		"max=0":   "<set xmlns='http://jabber.org/protocol/rsm'><count>5</count></set>",
	} {
		_, got, _ := answer(asked)
		assert.Equal(t, want, got, asked)
	}
	for want, of := range map[bool]struct {
		p  rsm.Request
		is rsm.Page
	}{
		true:  {rsm.Request{}, rsm.Page{To: 2, Count: 3}},
		false: {rsm.Request{}, rsm.Page{To: 3, Count: 3}},
	} {
		var w xmlwire.Writer
		of.p.Write(&w, of.is, func(i int) string { return letters[i] })
		assert.Equal(t, want, len(w.Bytes) > 0, "what is all of it and was not asked for as a part needs no <set/>")
	}
	var w xmlwire.Writer
	(&rsm.Request{Asked: true}).Write(&w, rsm.Page{}, nil)
	assert.Empty(t, w.Bytes, "an empty list has no parts")
}
