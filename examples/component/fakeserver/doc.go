// Package fakeserver is an XMPP server for tests, as far as an external component
// sees one (XEP-0114). It has no users and no rules: a test says what the server
// sends, and looks at what the component sent.
//
//	s := fakeserver.New(t, "rooms.example", "geheim")
//	… start the component with s.Addr() …
//	link := s.Next()                        // the component is connected
//	link.Send("<iq type='get' id='1' …/>")  // as many stanzas as there are arguments
//	link.Expect("id='1'", "type='result'")  // the stanza in which all of this stands
//
// It is made for what a real server does on its bad days: it stops reading
// ([Server.StopReading]), cuts connections ([Stream.Cut]), ends streams with an error
// ([Stream.End]), and ends them by itself for a stanza that is too large
// ([Server.MaxStanza]). It cuts its input into stanzas without parsing it, and sends
// and reads tens of thousands of stanzas in a second.
//
// Whatever does not happen within [Patience] fails the test.
package fakeserver
