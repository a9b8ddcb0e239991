package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
)

func TestInvitationsInWords(t *testing.T) {
	cellar := muc.MustParseJID("cellar@rooms.example")
	for want, i := range map[string]muc.Invitation{
		"You are invited to the chat room cellar@rooms.example":               {From: cellar},
		"Romeo invites you to the chat room cellar@rooms.example":             {From: muc.MustParseJID("cellar@rooms.example/Romeo")},
		"romeo@example.org invites you to the chat room cellar@rooms.example": {From: muc.MustParseJID("romeo@example.org")},
		"Romeo invites you to the chat room The wine cellar (cellar@rooms.example): come down": {
			From: muc.MustParseJID("cellar@rooms.example/Romeo"), Name: "The wine cellar", Reason: "come down"},
	} {
		i.Room = cellar
		assert.Equal(t, want, inviteText(i))
	}
}

// An invitation is one for every client: with the payload of XEP-0045, that of
// XEP-0249, and words.
func TestInvitation(t *testing.T) {
	s := newServer(t, "<handshake/>")
	start(t, "-domain", "rooms.example", "-connect", s.listener.Addr().String(), "-store", filepath.Join(place(t), "rooms.db"))
	s.gets("</handshake>")
	const from = " from='romeo@example.org/o' to='cellar@rooms.example"
	s.sends("<presence" + from + "/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	s.sends("<message id='i1'" + from + "'><x xmlns='http://jabber.org/protocol/muc#user'>" +
		"<invite to='juliet@example.org'><reason>come down</reason></invite></x></message>")
	s.gets("<message to='juliet@example.org' from='cellar@rooms.example' id='i1'>" +
		"<body>Romeo invites you to the chat room cellar@rooms.example: come down</body>" +
		"<x xmlns='http://jabber.org/protocol/muc#user'><invite from='cellar@rooms.example/Romeo'><reason>come down</reason></invite></x>" +
		"<x xmlns='jabber:x:conference' jid='cellar@rooms.example' reason='come down'>come down</x></message>")
}
