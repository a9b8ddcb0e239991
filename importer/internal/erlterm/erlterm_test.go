package erlterm

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]any{
		`{muc_room,{<<"cellar">>,<<>>},[true, 'Quoted \'atom\'', a@b_1 ]}`: Tuple{Atom("muc_room"), Tuple{"cellar", ""}, List{Atom("true"), Atom("Quoted 'atom'"), Atom("a@b_1")}},
		`[]`: List(nil), `{}`: Tuple(nil), `#{}`: Map(nil), `#{a => 1,"b" => [2]}`: Map{Atom("a"), int64(1), Chars("b"), List{int64(2)}},
		`<<"a \"b\" \\ \n\t\s\d\e\0\12\377\x41\x{e4}\q">>`: "a \"b\" \\ \n\t \x7f\x1b\x00\n\xffA\xe4q",
		"<<\"long \"\n    \"text\">>":                      "long text", `<<195,164, "x" , 0>>`: "ä" + "x\x00",
		"<<\"ä\">>": "ä", `<<"ä\x{20ac}"/utf8>>`: "ä€", `"chars"`: Chars("chars"),
		`-12`: int64(-12), `1.5e-3`: 1.5e-3, `$a`: int64('a'), `$\n`: int64('\n'), `$€`: int64('€'), `$\\`: int64('\\'),
		`123456789012345678901234567890`: 1.2345678901234568e29,
		`<0.1.2>`:                        Atom("<0.1.2>"), `#Ref<0.1.2.3>`: Atom("#Ref<0.1.2.3>"), "% a comment\n 1 % another": int64(1),
	} {
		got, err := Parse([]byte(text))
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "{", "[1", "[1 2]", "{1,}", `<<"a`, `<<"a"`, `<<1`, `<<256>>`, `<<-1>>`, `<<1.5>>`, `<<a>>`, `"a`, `'a`, `$`, `$\`, `"\x{`, `"\x{zz}"`,
		`"\xz"`, `"\x`, "1 2", "X", "-", "1-2", "#{a}", "#{a=>", "#{a=>1", "<0.1", "#Fun", "\xff", ")", strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		strings.Repeat("#{a=>", 1000), strings.Repeat("{", 1000000), "[" + strings.Repeat("[],", maxTerms) + "[]]"} {
		_, err := Parse([]byte(text))
		assert.ErrorIs(t, err, ErrSyntax, "%.40s", text)
	}
}

// A text in many pieces takes no more than its length.
func TestManyPieces(t *testing.T) {
	text := []byte("<<" + strings.Repeat(`"ab"`, 20_000) + ">>")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	term, err := Parse(text)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.Len(t, term, 40_000)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(20*len(text)), "bytes that were ever taken")
}

func scan(t *testing.T, text string, most int) (terms []string, err error) {
	t.Helper()
	s := NewScanner(strings.NewReader(text), most)
	for {
		at, term, err := s.Next()
		switch {
		case errors.Is(err, ErrTooLarge):
			terms = append(terms, "too large")
		case err != nil:
			return terms, err
		default:
			assert.Equal(t, string(term), text[at:at+int64(len(term))])
			terms = append(terms, string(term))
		}
	}
}

func TestScanner(t *testing.T) {
	whole := []string{`{a,"x. \" \\"}`, `1.5`, `'a. \' b'`, `[$., $\., $", $\\]`, "{b}", "c"}
	terms, err := scan(t, strings.Join(whole, ".\n")+".", 100)
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, whole, terms)
	terms, err = scan(t, "1.\n"+strings.Repeat("x", 50)+".\n"+strings.Repeat("y", 10)+".\n2.\n", 10)
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, []string{"1", "too large", "yyyyyyyyyy", "2"}, terms)
	terms, err = scan(t, "% a comment. With a \" in it\n{a}.\n", 100)
	assert.ErrorIs(t, err, io.EOF)
	assert.Equal(t, []string{"% a comment. With a \" in it\n{a}"}, terms)
	for _, text := range []string{"a", "a.\nb", "\"a.\n", "'a.\n", "$.", "a.b"} {
		_, err = scan(t, text, 100)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, text)
	}
	_, err = scan(t, " \n ", 100)
	assert.ErrorIs(t, err, io.EOF)
	s := NewScanner(io.MultiReader(strings.NewReader("a"), failing{}), 100)
	_, _, err = s.Next()
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{a,<<"b\x{20ac}"/utf8,1>>,[1.5,$\n|x],#{a=>'b'},<0.1.2>}.` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = Parse(text)
		s := NewScanner(bytes.NewReader(text), 50)
		for n := 0; ; n++ {
			if _, _, err := s.Next(); err != nil && !errors.Is(err, ErrTooLarge) {
				break
			}
			require.Less(t, n, len(text)+1)
		}
	})
}
