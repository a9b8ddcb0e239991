package scansion

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	one, two := []byte(`<message from='a'><body>one</body></message>`), []byte(`<message from='b'><body>two</body></message>`)
	const want = "<message>\n  <body>t{scansion:any}</body>\n</message>"

	at, err := Find(Subset, want, one, two)
	require.NoError(t, err)
	assert.Equal(t, 1, at)
	_, err = Find(Exact, want, two)
	require.Error(t, err)

	_, err = Find(Ordered, want, one, two)
	var f *Failure
	require.ErrorAs(t, err, &f)
	assert.Equal(t, `the next stanza is not as expected; the nearest is number 2 of the 2 that came
  expected:
    <message>
      <body>t{scansion:any}</body>
    </message>
  came:
    <message from='a'>
      <body>one</body>
    </message>
  difference:
    message/body: text: expected 't{scansion:any}', got 'one': the wildcard matched nothing
  nearest:
    <message from='b'>
      <body>two</body>
    </message>`, err.Error())
	_, err = Find(Subset, want)
	assert.ErrorContains(t, err, "nothing came")

	for bad, says := range map[string]string{
		"<message>\n<body></message>":   "2: XML: </message> where <body> is open",
		"<message id='${nothing}'/>":    "1: ${nothing} is not known: neither a client's JID or full JID nor captured above",
		"<message scansion:strict=''/>": "1: scansion:strict is 'true' or 'false', not \"\"",
	} {
		_, err := Find(Subset, bad, one)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		assert.Equal(t, says, err.Error())
	}
	_, err = Find(Subset, want, []byte("<message"))
	assert.ErrorContains(t, err, "what came is not XML")
}
