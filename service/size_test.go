package service

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a stanza is taken to weigh is about what it takes, whatever it is made of.
func TestSizeOf(t *testing.T) {
	const head = "<message from='romeo@example.org/pda' to='cellar@chat.example' type='groupchat' id='%d'>"
	for name, payload := range map[string]string{
		"a word":        "<body>hello</body>",
		"a long text":   "<body>" + strings.Repeat("word ", 5000) + "</body>",
		"elements":      "<x xmlns='urn:example:x'>" + strings.Repeat("<item/>", 900) + "</x>",
		"depth":         strings.Repeat("<x>", 100) + strings.Repeat("</x>", 100),
		"attributes":    "<x " + attributes(1000) + "/>",
		"small texts":   "<x>" + strings.Repeat("<v>1</v>\n", 400) + "</x>",
		"long prefixes": "<l" + strings.Repeat("o", 200) + "ng:x xmlns:l" + strings.Repeat("o", 200) + "ng='urn:example:x'/>",
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(head, 1) + payload + "</message>"
			n := 1 + 4000000/(len(text)*20)
			stanzas := make([]*etree.Element, n)
			before := heapBytes()
			for i := range stanzas {
				doc := etree.NewDocument()
				require.NoError(t, doc.ReadFromString(text))
				stanzas[i] = doc.Root()
				doc.RemoveChild(stanzas[i])
			}
			real := int(heapBytes()-before) / n
			estimate := sizeOf(stanzas[0]) - stanzaBytes
			runtime.KeepAlive(stanzas)
			assert.GreaterOrEqual(t, estimate*10, real*7, "%d bytes of text, estimated %d, real %d", len(text), estimate, real)
			assert.LessOrEqual(t, estimate*10, real*15, "%d bytes of text, estimated %d, real %d", len(text), estimate, real)
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d='' ", i)
	}
	return b.String()
}

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
