package muc_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
)

// unborn makes a room that nobody has entered: coven@chat.shakespeare.lit.
func unborn(t testing.TB, cfg muc.Config) *muctest.Room {
	t.Helper()
	cfg.Room = muc.MustParseJID("coven@chat.shakespeare.lit")
	return muctest.New(t, cfg)
}

// open makes an instant room in which its owner crone@shakespeare.lit/desktop is
// firstwitch.
func open(t testing.TB, cfg muc.Config) *muctest.Room {
	t.Helper()
	h := unborn(t, cfg)
	h.Join("crone@shakespeare.lit/desktop", "firstwitch")
	if h.State() == muc.Locked {
		require.Nil(t, h.Handle(configSubmit("open")).Refused)
	}
	return h
}

// configSubmit is the owner's submission of the configuration form: names and
// values in turn.
func configSubmit(id string, fields ...string) string {
	s := `<iq type='set' id='` + id + `' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'>` +
		`<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>`
	for i := 0; i+1 < len(fields); i += 2 {
		s += `<field var='` + fields[i] + `'><value>` + fields[i+1] + `</value></field>`
	}
	return s + `</x></query></iq>`
}

// only is the body of the one event that there was.
func only[B event.Body](t testing.TB, fx muc.Effects) B {
	t.Helper()
	events := slices.Collect(fx.Events())
	require.Len(t, events, 1)
	body, ok := events[0].Body.(B)
	require.True(t, ok, "%T", events[0].Body)
	return body
}

// xmlOf is a stanza as its first recipient gets it.
func xmlOf(out muc.Outbound) string {
	return string(out.AppendXML(nil, out.To()[0], ""))
}

// describe is a step's outcome as text, byte for byte.
func describe(fx muc.Effects) string {
	var b strings.Builder
	for ev := range fx.Events() {
		line, err := ev.MarshalJSON()
		fmt.Fprintf(&b, "%s %v\n", line, err)
	}
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			fmt.Fprintf(&b, "%s\n", out.AppendXML(nil, to, ""))
		}
	}
	asks, err := json.Marshal(fx.Questions)
	fmt.Fprintf(&b, "%s %v %v\n", asks, err, fx.Refused)
	return b.String()
}

// wellFormed reads a stanza as any XML parser would.
func wellFormed(t testing.TB, b []byte) {
	d := xml.NewDecoder(bytes.NewReader(b))
	for depth := 0; ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, "%s", b)
		switch tok := tok.(type) {
		case xml.StartElement:
			depth++
			namespacesAreSound(t, tok, b)
		case xml.EndElement:
			depth--
		case xml.Comment, xml.Directive, xml.ProcInst:
			require.Fail(t, "not for a stream", "%s", b)
		case xml.CharData:
			require.Positive(t, depth, "text beside the stanza: %s", b)
		}
	}
}

// namespacesAreSound holds an element to what namespace-aware parsers ask for
// and encoding/xml does not.
func namespacesAreSound(t testing.TB, el xml.StartElement, b []byte) {
	seen := map[xml.Name]bool{}
	for _, a := range el.Attr {
		require.False(t, seen[a.Name], "%s twice in %s", a.Name, b)
		seen[a.Name] = true
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			require.NotContains(t, []string{nsXML, "http://www.w3.org/2000/xmlns/"}, a.Value, "%s", b)
			require.False(t, a.Name.Space == "xmlns" && a.Value == "", "%s", b)
		} else if a.Name.Space != "" && a.Name.Space != nsXML {
			declared := slices.ContainsFunc(el.Attr, func(d xml.Attr) bool { return d.Name.Space == "xmlns" && d.Value == a.Name.Space })
			require.True(t, declared, "%s is not declared in %s", a.Name.Space, b)
		}
	}
	require.NotEqual(t, nsXML, el.Name.Space)
}

// print writes an element as it is, from outside etree.
func print(el *etree.Element) string {
	var b strings.Builder
	type frame struct {
		el   *etree.Element
		next int
	}
	stack := []frame{{el: el}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == 0 {
			b.WriteString("<" + top.el.Space + ":" + top.el.Tag)
			for _, a := range top.el.Attr {
				b.WriteString(" " + a.Space + ":" + a.Key + "=" + a.Value)
			}
		}
		if top.next == len(top.el.Child) {
			b.WriteString(">")
			stack = stack[:len(stack)-1]
			continue
		}
		child := top.el.Child[top.next]
		top.next++
		switch c := child.(type) {
		case *etree.Element:
			stack = append(stack, frame{el: c})
		case *etree.CharData:
			b.WriteString(c.Data)
		case *etree.Comment:
			b.WriteString("!" + c.Data)
		}
	}
	return b.String()
}

// affiliated is the command for any affiliation, also none.
func affiliated(c muc.SetAffiliation) muc.Command {
	if c.Affiliation == muc.AffiliationNone {
		return muc.RemoveAffiliation{JID: c.JID, Reason: c.Reason}
	}
	return c
}
