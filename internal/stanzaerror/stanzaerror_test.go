package stanzaerror_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/stanza"
)

func TestReach(t *testing.T) {
	assert.Equal(t, stanzaerror.Gone, stanzaerror.ReachOf(stanza.RemoteServerNotFound))
	assert.Equal(t, stanzaerror.Doubtful, stanzaerror.ReachOf(stanza.ServiceUnavailable))
	assert.Equal(t, stanzaerror.Present, stanzaerror.ReachOf(stanza.NotAcceptable))
	assert.Equal(t, stanzaerror.Present, stanzaerror.ReachOf(""))
}
