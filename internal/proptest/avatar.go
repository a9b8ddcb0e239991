package proptest

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
)

const nsVCard, nsUpdate = "vcard-temp", "vcard-temp:x:update"

// vCard is what somebody may take for the vCard of a room.
func (w *world) vCard(own string) string {
	return "<vCard xmlns='vcard-temp'>" + pick(w, "vCard", []string{
		"<PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO>", "", "",
		"<PHOTO><BINVAL>iVBO\nRw0KGgo=</BINVAL></PHOTO><PHOTO><BINVAL>R0lGODlh</BINVAL></PHOTO>",
		"<FN>The cellar</FN><PHOTO/>" + own, "<PHOTO><BINVAL>?</BINVAL></PHOTO>", "<PHOTO><EXTVAL>https://x.example/</EXTVAL></PHOTO>",
		"<PHOTO><BINVAL>" + base64.StdEncoding.EncodeToString(make([]byte, 600)) + "</BINVAL></PHOTO>"}) + "</vCard>"
}

// avatar sets the room's avatar, or asks for it.
func (w *world) avatar() {
	switch {
	case w.oneIn(3, "reads"):
		w.iq(w.someone(), "get", "", "<vCard xmlns='vcard-temp'/>")
	case w.oneIn(3, "by command"):
		w.commandAs(w.as(), pick(w, "set", []muc.Command{muc.SetVCard{VCard: parse(w.vCard(""))}, muc.SetVCard{}, muc.SetVCard{VCard: parse("<x/>")}}))
	default:
		from := w.ruler()
		w.iq(from, "set", "", w.vCard(w.spelled(from)))
	}
}

// checkAvatar: only owners and the host set the avatar, and only to something else; then
// everybody inside is told. Its hashes are those of its images, and who asks for it gets it.
func (w *world) checkAvatar(s *step) {
	var set *event.VCardChanged
	for ev := range s.fx.Events() {
		if b, ok := ev.Body.(*event.VCardChanged); ok {
			set = b
		}
	}
	if set != nil {
		w.tally.avatars++
		if by := set.Actor.JID; !by.IsZero() && s.before.affiliation(by.Bare()) != muc.Owner {
			w.fail("%s sets the avatar", by)
		}
		if now := photosIn(w.room); !slices.Equal(set.Photos, now) {
			w.fail("the hashes are %v, those of the images %v", set.Photos, now)
		}
	}
	told, shown := 0, 0
	for _, m := range s.out {
		from, x := m.el.attr("from"), m.el.child(nsUser, "x")
		switch {
		case from == roomJID.String() && m.el.name == "message" && x != nil && slices.Contains(codesOf(x), "104"):
			told++
		case from == roomJID.String() && m.el.name == "presence" && m.el.child(nsUpdate, "x") != nil:
			shown++
		case m.el.name == "iq" && m.el.attr("type") == "result" && from == roomJID.String() && m.el.child(nsVCard, "vCard") != nil:
			w.checkCard(m)
		}
	}
	if set != nil && (told != len(s.after.sessions) || w.cfg.AvatarPresence != (shown > 0) && told > 0) {
		w.fail("of the avatar %d of %d are told, %d by presence", told, len(s.after.sessions), shown)
	}
	if shown > 0 && !w.cfg.AvatarPresence {
		w.fail("the room itself sends presence")
	}
}

// checkCard: who reads the vCard gets all of its images.
func (w *world) checkCard(m sent) {
	n := 0
	for _, k := range m.el.child(nsVCard, "vCard").kids {
		if k.name == "PHOTO" {
			n++
		}
	}
	w.tally.cards++
	if photos := photosIn(w.room); n != len(photos) {
		w.fail("%d of %d images: %s", n, len(photos), m.text)
	}
}

// photosIn are the hashes of the images in a room's vCard.
func photosIn(room *muc.Room) (hashes []string) {
	card := room.VCard()
	if card == nil {
		return nil
	}
	for _, binval := range card.FindElements("PHOTO/BINVAL") {
		image, _ := base64.StdEncoding.DecodeString(binval.Text()) // lines are ignored
		hashes = append(hashes, fmt.Sprintf("%x", sha1.Sum(image)))
	}
	return hashes
}
