package xmppcomp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRefusal(t *testing.T) {
	for in, want := range map[string]string{
		"<message id='a&apos;1' from='romeo@example.org/o&apos;r' to='cellar@rooms.example'/>": "<message type='error' from='cellar@rooms.example' to='romeo@example.org/o&#39;r' id='a&#39;1'>" +
			"<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" +
			"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>too large</text></error></message>",
		"<presence from='a@b' to='c@d' type='error'/>":   "",
		"<iq from='a@b' to='c@d' type='result' id='1'/>": "",
		"<message to='c@d'/>":                            "",
		"<features from='a@b' to='c@d'/>":                "",
	} {
		el, err := opened(t, Limits{}, in).next()
		require.NoError(t, err)
		assert.Equal(t, want, string(Refusal(el, "modify", "policy-violation", "too large")), in)
	}
}
