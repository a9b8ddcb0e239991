package muc

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// The avatar of a room (XEP-0486): a vCard (XEP-0054) that its owners set and that is read by
// all who may discover the room. It is told by its hash (XEP-0153) in disco#info, and in
// presence if the host wants it.

// maxPhotos bounds the images of an avatar, which are one image in several formats (XEP-0486
// §5.1): more than there are formats.
const maxPhotos = 10

// avatarField is the field of muc#roominfo that has the hashes (XEP-0486 §3.3).
const avatarField = "muc#roominfo_avatarhash"

// vCardGet answers with the vCard, an empty one if there is none (XEP-0486 §3.4).
func (t *step) vCardGet() *StanzaError {
	if e := t.mayDiscover(); e != nil {
		return e
	}
	b := t.r.st.Sparse().VCard()
	t.answer(func(w *xmlwire.Writer) {
		if b == nil {
			w.Empty("vCard", ns.VCard)
			return
		}
		w.Raw(t.r.veil(b.Payload, b.Actor.JID, b.Actor.Nick, t.sender.role))
	})
	return nil
}

// vCardSet decides on another vCard (XEP-0486 §3.2).
func (t *step) vCardSet() *StanzaError {
	t.answer(nil)
	return t.setVCard(t.request())
}

// setVCard judges and proposes a vCard. One without content takes away that which is there.
func (t *step) setVCard(vCard string) *StanzaError {
	a := &t.sender
	if !affiliationMay(a.aff, toConfigure) {
		return refuse(stanza.Forbidden, "XEP-0486 §3.2", "only owners set the avatar of the room")
	}
	if len(vCard) > t.r.cfg.Limits.VCardBytes {
		return refuse(stanza.PolicyViolation, "14.6", fmt.Sprintf("the vCard has more than %d bytes", t.r.cfg.Limits.VCardBytes))
	}
	vCard, left := xmlwire.WithoutKids(vCard, isEmptyPhoto)
	if left == 0 {
		vCard = ""
	}
	photos, refused := hashPhotos(vCard)
	if refused != nil {
		return refused
	}
	if is := t.r.st.Sparse().VCard(); (is == nil && vCard == "") || (is != nil && is.Payload == vCard) {
		return nil
	}
	t.propose(&event.VCardChanged{Payload: vCard, Photos: photos, Actor: a.event()})
	return nil
}

func isPhoto(n *xmlwire.Node) bool { return n.NS == ns.VCard && n.Name == "PHOTO" }

// isEmptyPhoto reports whether an element is a photo without an image, as which clients
// write that there is none (XEP-0153 §4.4).
func isEmptyPhoto(n *xmlwire.Node) bool {
	return isPhoto(n) && n.Child(ns.VCard, "EXTVAL") == nil && strings.TrimSpace(n.ChildText(ns.VCard, "BINVAL")) == ""
}

// hashPhotos is the hash of each image in a vCard (XEP-0153 §3.1), or why one is none.
func hashPhotos(vCard string) (hashes []string, refused *StanzaError) {
	if vCard == "" {
		return nil, nil
	}
	card := xmlwire.ParseNode(vCard)
	for i := range card.Kids {
		photo := &card.Kids[i]
		if !isPhoto(photo) {
			continue
		}
		switch binval := photo.Child(ns.VCard, "BINVAL"); {
		case photo.Child(ns.VCard, "EXTVAL") != nil, len(binval.Kids) > 0:
			return nil, refuse(stanza.BadRequest, "XEP-0153 §4.5", "a PHOTO holds its image in a BINVAL, and no address of one")
		case len(hashes) == maxPhotos:
			return nil, refuse(stanza.PolicyViolation, "14.6", fmt.Sprintf("the vCard has more than %d photos", maxPhotos))
		default:
			image, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(binval.Text), ""))
			if err != nil {
				return nil, refuse(stanza.BadRequest, "XEP-0153 §4.6", "the BINVAL of a PHOTO is not base64")
			}
			sum := sha1.Sum(image)
			hashes = append(hashes, hex.EncodeToString(sum[:]))
		}
	}
	return hashes, nil
}

// avatarHashes are the hashes of the avatar's images, none if there is no avatar.
func (r *Room) avatarHashes() []string {
	if b := r.st.Sparse().VCard(); b != nil {
		return b.Photos
	}
	return nil
}

// avatarPresence is the presence by which the room itself tells the hash of its avatar, or
// that it has none any more (XEP-0486 §5.2, XEP-0153 §4.1).
func (r *Room) avatarPresence() *splice.Stanza {
	return splice.Write("presence", 192, func(w *xmlwire.Writer) {
		address(w, "from", r.jid)
		w.Start("x", ns.VCardUpdate)
		w.Start("photo", "")
		if hashes := r.avatarHashes(); len(hashes) > 0 {
			w.Text(hashes[0])
		}
		w.End()
		w.End()
	})
}

// renderAvatar tells everybody inside that the avatar is another.
func (t *step) renderAvatar() {
	t.tellStatuses(statusConfigured)
	if t.r.cfg.AvatarPresence {
		t.broadcast(t.r.avatarPresence())
	}
}

// SetVCard sets the room's vCard, in which its avatar is (XEP-0486): a <vCard/> with a <PHOTO/>
// of which the <BINVAL/> is an image in base64. One without content removes it. What is not
// like that is refused with bad-request, or [ErrMissing] and [ErrNotStanza] for an element
// that is none or another; what is larger than Limits.VCardBytes with policy-violation.
type SetVCard struct{ VCard *etree.Element }

func (c SetVCard) do(t *step) error {
	if c.VCard == nil {
		return fmt.Errorf("%w: SetVCard.VCard", ErrMissing)
	}
	vCard, e := t.r.canonical(c.VCard)
	if e != nil {
		return e
	}
	if n := xmlwire.ParseNode(vCard); n.NS != ns.VCard || n.Name != "vCard" {
		return ErrNotStanza
	}
	return failure(t.setVCard(vCard))
}

// VCard is the room's vCard, in which its avatar is (XEP-0486), nil for none. The caller may
// change it.
func (r *Room) VCard() *etree.Element {
	b := r.st.Sparse().VCard()
	if b == nil {
		return nil
	}
	return xmlwire.Element(b.Payload)
}
