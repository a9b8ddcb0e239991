package luadata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	got, err := Read([]byte("return {\n\t[\"name\"] = \"\\195\\164 \\\"\\'\\\\ \\n\\0\\255\";\n\t\"first\"; -1.5; { true; false; };\n" +
		"\t[4] = 1e+16; [6] = 6; key = nil; [\"never\"] = (1/0); less = (-1/0); nan = (0/0); raw = 'ä';\n};\n"))
	require.NoError(t, err)
	assert.Equal(t, []any{"first", -1.5, &Table{Items: []any{true, false}}, 1e16}, got.Items)
	assert.True(t, math.IsNaN(got.Fields["nan"].(float64)))
	delete(got.Fields, "nan")
	assert.Equal(t, map[string]any{"name": "ä \"'\\ \n\x00\xff", "key": nil, "never": math.Inf(1), "less": math.Inf(-1), "raw": "ä"}, got.Fields)
	got, err = Item([]byte("item({ a = 1 });\n"))
	require.NoError(t, err)
	assert.Equal(t, 1.0, got.Fields["a"])
	got, err = Read([]byte("return {};"))
	require.NoError(t, err)
	assert.Empty(t, got.Items)
}

// Whatever is more than data is refused without being run.
func TestReadRefuses(t *testing.T) {
	for _, source := range []string{
		"", "\x00", "return", "return 1;", "return {", "return {}, {};", "return {} return {}", "os.execute('true')", "item({});",
		"while true do end return {};", "return os.execute('touch /tmp/x');", "return { a = os.getenv('HOME') };", "return { [os] = 1 };",
		"return { f() };", "return { function() end };", "return { a = 'x' .. 'y' };", "return { ('x'):rep(1e9) };", "return { 1+1 };",
		"return { 1/2 };", "return { 0/0/0 };", "return { (1/0)/0 };", "return { -'x' };", "return { - -1 };", "return { ... };", "return { x };",
		"return { [nil] = 1 };", "return { [true] = 1 };", "return { [{}] = 1 };", "return { 0x };", "local x = {} return x", "goto a ::a:: return {};",
		"return { [[" + strings.Repeat("x", 100) + " };", "return 'text';", strings.Repeat("(", 100000),
		"return " + strings.Repeat("{", maxDepth+1) + strings.Repeat("}", maxDepth+1), "return " + strings.Repeat("{", 100000) + strings.Repeat("}", 100000),
		"return " + strings.Repeat("-", 100000) + "1", "return {" + strings.Repeat("{};", maxValues/(tableCost+1)) + "}",
		"return {" + strings.Repeat("1,", maxValues) + "}",
		"return { --[[ long ]] };", "return { a", "return { 'a\n' }", `return { "\q" }`, `return { "\`, `return { "\999" }`, "return { [1 = 2 }", "return { [1] 2 }", "return { 1 2 }",
	} {
		_, err := Read([]byte(source))
		assert.ErrorIs(t, err, ErrNotData, "%.60s", source)
		assert.NotContains(t, fmt.Sprint(err), "\n")
	}
	for _, source := range []string{"return {};", "item();", "item({}, {});", "item({}) item({})", "f({});", "a.item({});", "a:item({});", "item 'x'", "item = {}"} {
		_, err := Item([]byte(source))
		assert.ErrorIs(t, err, ErrNotData, source)
	}
}

func items(t *testing.T, text string, most int) (list []string, errs []error) {
	t.Helper()
	l, at := NewList(strings.NewReader(text), most), int64(0)
	for {
		from, source, err := l.Next()
		assert.Equal(t, at, from, "items follow each other")
		at = l.at
		switch {
		case errors.Is(err, io.EOF):
			return list, errs
		case err != nil:
			errs = append(errs, err)
		default:
			assert.True(t, bytes.HasPrefix([]byte(text[from:]), source))
			list = append(list, string(source))
		}
	}
}

func TestList(t *testing.T) {
	long := "item({ \"" + strings.Repeat("x", 200<<10) + "\" });\n"
	list, errs := items(t, "item({\n\t1;\n});\nitem({});\n"+long+"item({ 2 });\n", 1<<20)
	assert.Equal(t, []string{"item({\n\t1;\n});\n", "item({});\n", long, "item({ 2 });\n"}, list)
	assert.Empty(t, errs)
	list, errs = items(t, "item({});\n"+long+"item({ 2 });\n"+long, 1000)
	assert.Equal(t, []string{"item({});\n", "item({ 2 });\n"}, list)
	assert.Equal(t, []error{ErrTooLarge, ErrTooLarge}, errs)
	list, _ = items(t, "", 100)
	assert.Empty(t, list)
	// Nothing that people write begins an item: earlier versions escaped the end of a line by
	// a backslash alone.
	list, _ = items(t, "item({ \"a\\\nitem({ 1 });\\\nitem({ 2 });\" });\nitem({ 3", 100)
	assert.Equal(t, []string{"item({ \"a\\\nitem({ 1 });\\\nitem({ 2 });\" });\n", "item({ 3"}, list)
	_, err := Item([]byte(list[0]))
	assert.NoError(t, err)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestListFails(t *testing.T) {
	l := NewList(io.MultiReader(strings.NewReader("item({});\n"), failing{}), 100)
	_, _, err := l.Next()
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("return { [\"a\"] = { 1; \"\\200\" }; (1/0) };"))
	f.Fuzz(func(t *testing.T, source []byte) {
		_, _ = Read(source)
		_, _ = Item(source)
		l := NewList(bytes.NewReader(source), 50)
		for n := 0; ; n++ {
			if _, _, err := l.Next(); errors.Is(err, io.EOF) {
				break
			}
			require.Less(t, n, len(source)+1)
		}
	})
}
