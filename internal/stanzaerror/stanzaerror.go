// Package stanzaerror writes the errors that answer stanzas (RFC 6120 §8.3), and says what
// those that come back mean for who sent them.
package stanzaerror

import (
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Write writes an <error/>, with the address of what refuses unless that is empty.
func Write(w *xmlwire.Writer, e *stanza.Error, by string) {
	w.Start("error", "")
	w.Attr("type", string(e.TypeOrDefault()))
	w.AttrIf("by", by)
	w.Start(string(e.Condition), ns.Stanzas)
	if e.Condition == stanza.Gone && e.URI != "" {
		w.Text(e.URI)
	}
	w.End()
	if e.Text != "" {
		w.Element("text", ns.Stanzas, e.Text)
	}
	if e.App.Local != "" {
		w.Element(e.App.Local, e.App.Space, "")
	}
	w.End()
}

// Reach is what an error that came back from a session says about whether it is there.
type Reach uint8

const (
	// Present: somebody is there and refuses.
	Present Reach = iota
	// Gone: nobody is there any more.
	Gone
	// Doubtful: a server says the same of a client that is gone (RFC 6121 §8.5.3.2.1) and
	// of one that blocks who wrote (XEP-0191 §3.5).
	Doubtful
)

// ReachOf judges a condition (XEP-0045 §18.1.2).
func ReachOf(c stanza.Condition) Reach {
	switch c {
	case stanza.Gone, stanza.ItemNotFound, stanza.RecipientUnavailable, stanza.Redirect,
		stanza.RemoteServerNotFound, stanza.RemoteServerTimeout:
		return Gone
	case stanza.ServiceUnavailable:
		return Doubtful
	}
	return Present
}
