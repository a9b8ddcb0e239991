package main

import "github.com/gomuc/muc"

// inviteText puts an invitation into words, for people whose clients show nothing
// else of it. A semi-anonymous room names the inviter by nick, others by address.
func inviteText(i muc.Invitation) string {
	room := i.Room.String()
	if i.Name != "" {
		room = i.Name + " (" + room + ")"
	}
	text := "You are invited to the chat room " + room
	if who := inviter(i); who != "" {
		text = who + " invites you to the chat room " + room
	}
	if i.Reason != "" {
		text += ": " + i.Reason
	}
	return text
}

// inviteBody is inviteText, as long as the operator wants it.
func (c *component) inviteBody(i muc.Invitation) string {
	if !c.now.Load().inviteBody {
		return ""
	}
	return inviteText(i)
}

// inviter is how the invitee may know who invites, "" for nobody in particular.
func inviter(i muc.Invitation) string {
	switch {
	case i.From == i.Room:
		return ""
	case i.From.Bare() == i.Room:
		return i.From.Resource()
	}
	return i.From.String()
}
