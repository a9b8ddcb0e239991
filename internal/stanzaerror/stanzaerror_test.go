package stanzaerror_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc/internal/stanzaerror"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

func TestWrite(t *testing.T) {
	const space = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
	for want, e := range map[string]*stanza.Error{
		"<error type='auth' by='a@b'><forbidden " + space + "/></error>": {Condition: stanza.Forbidden},
		"<error type='wait' by='a@b'><gone " + space + ">xmpp:c@d</gone><text " + space + ">&lt;</text><x xmlns='urn:y'/></error>": {
			Type: stanza.TypeWait, Condition: stanza.Gone, URI: "xmpp:c@d", Text: "<", App: stanza.AppCondition{Space: "urn:y", Local: "x"}},
	} {
		var w xmlwire.Writer
		stanzaerror.Write(&w, e, "a@b")
		assert.Equal(t, want, string(w.Bytes))
	}
	var w xmlwire.Writer
	stanzaerror.Write(&w, &stanza.Error{Condition: stanza.Conflict, URI: "xmpp:c@d"}, "")
	assert.Equal(t, "<error type='cancel'><conflict "+space+"/></error>", string(w.Bytes))
}

func TestReach(t *testing.T) {
	assert.Equal(t, stanzaerror.Gone, stanzaerror.ReachOf(stanza.RemoteServerNotFound))
	assert.Equal(t, stanzaerror.Doubtful, stanzaerror.ReachOf(stanza.ServiceUnavailable))
	assert.Equal(t, stanzaerror.Present, stanzaerror.ReachOf(stanza.NotAcceptable))
	assert.Equal(t, stanzaerror.Present, stanzaerror.ReachOf(""))
}
