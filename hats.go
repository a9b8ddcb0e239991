package muc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/adhoc"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Hats (XEP-0317): what is told of them (§2, §3.1), and the commands of admins, owners and
// the host (§3.2–3.7). Who wears a hat may do no more than others.

const (
	fieldHatURI   = "hats#uri"
	fieldHatTitle = "hats#title"
	fieldHatHue   = "hats#hue"
	fieldHatJID   = "hats#jid"
	fieldHatHash  = "hats#hash"
)

// hatMarkup is more than what stands beside a hat in a list or a form, in bytes.
const hatMarkup = 240

// hatCommands are the commands for hats, by their nodes in XEP-0317.
var hatCommands = adhoc.Set[*step]{
	{Node: ns.HatCommands + ":create", Name: "Create or change a hat", May: (*step).mayEditHats, Form: (*step).hatForm, Do: (*step).hatFilledIn},
	{Node: ns.HatCommands + ":destroy", Name: "Destroy a hat", May: (*step).mayEditHats,
		Form: hatChoice("Destroying a Hat", "Who has the hat loses it."), Do: (*step).hatUnwanted},
	{Node: ns.HatCommands + ":list", Name: "Hats", May: (*step).mayListHats, Do: (*step).hatList},
	{Node: ns.HatCommands + ":assign", Name: "Assign a hat to somebody", May: (*step).mayEditHats,
		Form: hatChoice("Assigning a Hat", "Fill out this form to assign a hat.", hatOwner), Do: (*step).hatGiven},
	{Node: ns.HatCommands + ":unassign", Name: "Remove a hat from somebody", May: (*step).mayEditHats,
		Form: hatChoice("Removing a Hat", "Fill out this form to remove a hat from a person.", hatOwner), Do: (*step).hatTaken},
	{Node: ns.HatCommands + ":list-assigned", Name: "Who has which hats", May: (*step).mayEditHats, Do: (*step).assignedHatList},
}

// mayEditHats reports whether the sender may create and assign hats, and read who has
// which: these lists have real JIDs.
func (t *step) mayEditHats() bool { return affiliationMay(t.sender.aff, toEditMembers) }

// mayListHats reports whether the sender may know which hats there are: who is inside or
// belongs to the room.
func (t *step) mayListHats() bool { return t.sender.session != nil || t.sender.aff >= Member }

// CreateHat gives the room a hat (XEP-0317 §3.2), or changes what people see of the one of
// that URI. Hue is the angle of its colour (XEP-0392), a number from 0 to 360, or empty; Lang
// is the language of the title, or empty. It is refused with resource-constraint if there are
// [Limits].Hats already, or if more than [Limits].ItemsPerSet occupants wear the one that would
// change.
type CreateHat struct{ URI, Title, Hue, Lang string }

func (c CreateHat) do(t *step) error {
	if c.URI == "" || c.Title == "" {
		return fmt.Errorf("%w: CreateHat.URI or CreateHat.Title", ErrMissing)
	}
	return failure(t.createHat(event.Hat(c)))
}

// DestroyHat takes a hat from the room and from everybody who has it (XEP-0317 §3.3). If there
// is none of that URI it is [ErrNotFound]; if more than [Limits].ItemsPerSet occupants wear it,
// it is refused with resource-constraint.
type DestroyHat struct{ URI string }

func (c DestroyHat) do(t *step) error {
	if c.URI == "" {
		return fmt.Errorf("%w: DestroyHat.URI", ErrMissing)
	}
	return failure(t.destroyHat(c.URI))
}

// AssignHat gives a person, who may be outside, a hat that the room has (XEP-0317 §3.5). All
// of the person's nicks wear it. If there is no hat of that URI it is [ErrNotFound]; if
// [Limits].PersonHats or HatWearers are reached it is refused with resource-constraint.
type AssignHat struct {
	JID JID
	URI string
}

func (c AssignHat) do(t *step) error { return t.onHatOf(c.JID, c.URI, t.assignHat) }

// UnassignHat takes a hat from a person (XEP-0317 §3.6). Who does not have it is no error.
type UnassignHat struct {
	JID JID
	URI string
}

func (c UnassignHat) do(t *step) error { return t.onHatOf(c.JID, c.URI, t.unassignHat) }

func (t *step) onHatOf(who JID, uri string, act func(JID, string) *StanzaError) error {
	if who.IsZero() || uri == "" {
		return fmt.Errorf("%w: the JID or URI of a hat", ErrMissing)
	}
	who, e := t.r.normal(who)
	if e != nil {
		return e
	}
	return failure(act(who, uri))
}

func (t *step) refuseHats() *StanzaError {
	if !t.mayEditHats() {
		return refuse(stanza.Forbidden, "XEP-0317 §3", "only admins and owners decide on hats")
	}
	return nil
}

func noSuchHat() *StanzaError {
	return refuse(stanza.ItemNotFound, "XEP-0317 §3", "the room has no such hat")
}

// createHat proposes a hat, or that one changes; nothing if it is the same.
func (t *step) createHat(h event.Hat) *StanzaError {
	if e := t.refuseHats(); e != nil {
		return e
	}
	h.Title = strings.Join(strings.Fields(h.Title), " ")
	lim, rare := &t.r.cfg.Limits, t.r.st.Sparse()
	known := rare.Hat(h.URI)
	switch {
	case !isURI(h.URI):
		return refuse(stanza.BadRequest, "XEP-0317 §3.1", "a hat needs a URI, such as urn:example:teacher")
	case h.Title == "" || !xmlwire.ValidText(h.Title) || !xmlwire.ValidText(h.Lang):
		return refuse(stanza.BadRequest, "XEP-0317 §3.1", "a hat needs a title")
	case !isHue(h.Hue):
		return refuse(stanza.BadRequest, "XEP-0317 §3.1", "the hue of a hat is a number from 0 to 360")
	case hatSize(&h) > lim.HatBytes:
		return refuse(stanza.PolicyViolation, "14.6", "the title and the URI are too long")
	case known != nil && *known == h:
		return nil
	case known == nil && len(rare.Hats()) >= lim.Hats:
		return refuse(stanza.ResourceConstraint, "14.6", "the room has as many hats as it may have")
	}
	t.propose(&event.HatCreated{Hat: h, Actor: t.sender.event()})
	return t.showHatOfAll(h.URI)
}

func isURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && xmlwire.ValidText(s) && !strings.ContainsFunc(s, unicode.IsSpace)
}

// isHue reports whether a text is the angle of a colour, or empty.
func isHue(s string) bool {
	angle, err := strconv.ParseFloat(s, 64)
	return s == "" || err == nil && 0 <= angle && angle <= 360 && strings.Trim(s, "0123456789.") == ""
}

func (t *step) destroyHat(uri string) *StanzaError {
	rare := t.r.st.Sparse()
	if e := t.refuseHats(); e != nil {
		return e
	}
	if rare.Hat(uri) == nil {
		return noSuchHat()
	}
	t.propose(&event.HatDestroyed{URI: uri, Actor: t.sender.event()})
	return t.showHatOfAll(uri)
}

// assignHat proposes that a person has a hat; nothing if it is so.
func (t *step) assignHat(who JID, uri string) *StanzaError {
	if e := t.refuseHats(); e != nil {
		return e
	}
	who = who.Bare()
	lim, rare := &t.r.cfg.Limits, t.r.st.Sparse()
	own := rare.HatsOf(who)
	switch {
	case who.Local() == "" || who == t.r.jid:
		return refuse(stanza.JIDMalformed, "XEP-0317 §3.5", "a hat is assigned to the address of a person's account")
	case rare.Hat(uri) == nil:
		return noSuchHat()
	case hasHat(own, uri):
		return nil
	case len(own) >= lim.PersonHats:
		return refuse(stanza.ResourceConstraint, "14.6", "this person has as many hats as one may have")
	case len(own) == 0 && rare.WearerCount() >= lim.HatWearers:
		return refuse(stanza.ResourceConstraint, "14.6", "too many people have hats here")
	}
	t.propose(&event.HatAssigned{JID: who, URI: uri, Actor: t.sender.event()})
	t.showHats(who)
	return nil
}

// unassignHat proposes that a person has a hat no more; nothing if it is so.
func (t *step) unassignHat(who JID, uri string) *StanzaError {
	if e := t.refuseHats(); e != nil {
		return e
	}
	who = who.Bare()
	if hasHat(t.r.st.Sparse().HatsOf(who), uri) {
		t.propose(&event.HatUnassigned{JID: who, URI: uri, Actor: t.sender.event()})
		t.showHats(who)
	}
	return nil
}

func hasHat(hats []event.Hat, uri string) bool {
	return slices.ContainsFunc(hats, func(h event.Hat) bool { return h.URI == uri })
}

// showHatOfAll has the presences of all who wear a hat sent again, to all, unless they are too
// many for one request.
func (t *step) showHatOfAll(uri string) *StanzaError {
	t.showHats(t.r.st.Sparse().Wearers(uri)...)
	if len(t.resent) > t.r.cfg.Limits.ItemsPerSet {
		return refuse(stanza.ResourceConstraint, "14.6", "too many people inside wear this hat: have some of them lose it first")
	}
	return nil
}

// showHats has the presences of those who are inside sent again.
func (t *step) showHats(people ...JID) {
	for _, who := range people {
		t.resend(who, "", event.Actor{})
	}
}

// writeHats writes the hats of an occupant (§3.1). Those that were stored under higher limits
// are left out.
func (l *Limits) writeHats(w *xmlwire.Writer, hats []event.Hat) {
	hats = slices.DeleteFunc(hats, func(h event.Hat) bool { return hatSize(&h) > l.HatBytes })
	if len(hats) == 0 {
		return
	}
	w.Start("hats", ns.Hats)
	for i := range hats[:min(len(hats), l.PersonHats)] {
		writeHat(w, &hats[i])
	}
	w.End()
}

func writeHat(w *xmlwire.Writer, h *event.Hat) {
	w.Empty("hat", "", "uri", h.URI, "title", h.Title, "hue", h.Hue, "xml:lang", h.Lang)
}

// hatSize is the bytes of a hat in a presence.
func hatSize(h *event.Hat) int {
	w := xmlwire.Writer{}
	writeHat(&w, h)
	return len(w.Bytes)
}

// hatHash is another one for each list of hats, and for other titles or colours too (§2).
func hatHash(hats []event.Hat) string {
	w := xmlwire.Writer{}
	for i := range hats {
		writeHat(&w, &hats[i])
	}
	sum := sha256.Sum256(w.Bytes)
	return hex.EncodeToString(sum[:20])
}

func (t *step) hatForm() (*adhoc.Form, *StanzaError) {
	return &adhoc.Form{Type: ns.HatCommands, Title: "Creating a Hat", Instructions: "Fill out this form to create a hat.", Fields: []form.Field{
		{Name: fieldHatTitle, Type: string(TextSingle), Label: "Hat Title", Required: true},
		{Name: fieldHatURI, Type: string(TextSingle), Label: "Hat URI", Required: true},
		{Name: fieldHatHue, Type: string(TextSingle), Label: "Hat Hue"},
	}}, nil
}

// hatOwner is the field for whose hat it is.
var hatOwner = form.Field{Name: fieldHatJID, Type: string(JIDSingle), Label: "User Address", Required: true}

// hatChoice makes the form in which one of the room's hats is chosen.
func hatChoice(title, instructions string, fields ...form.Field) func(*step) (*adhoc.Form, *StanzaError) {
	return func(t *step) (*adhoc.Form, *StanzaError) {
		var options []form.Option
		for _, h := range t.r.st.Sparse().Hats() {
			options = append(options, form.Option{Value: h.URI, Label: h.Title})
		}
		if len(options) == 0 {
			return nil, refuse(stanza.ItemNotFound, "XEP-0317 §3", "this room has no hats")
		}
		which := form.Field{Name: fieldHatURI, Type: string(ListSingle), Label: "The role", Required: true, Options: options}
		return &adhoc.Form{Type: ns.HatCommands, Title: title, Instructions: instructions, Fields: append(slices.Clone(fields), which)}, nil
	}
}

// filledIn is the value of a field in a submission, empty for none.
func filledIn(sub *form.Submission, name string) string {
	if f := sub.Field(name); f != nil {
		return form.First(f.Values)
	}
	return ""
}

// hatFilledIn creates the hat of a form. The title is in the language of the request.
func (t *step) hatFilledIn(sub *form.Submission) (*adhoc.Result, *StanzaError) {
	return nil, t.createHat(event.Hat{URI: filledIn(sub, fieldHatURI), Title: filledIn(sub, fieldHatTitle), Hue: filledIn(sub, fieldHatHue), Lang: t.in.lang})
}

func (t *step) hatUnwanted(sub *form.Submission) (*adhoc.Result, *StanzaError) {
	return nil, t.destroyHat(filledIn(sub, fieldHatURI))
}

func (t *step) hatGiven(sub *form.Submission) (*adhoc.Result, *StanzaError) {
	return nil, t.hatOfForm(sub, t.assignHat)
}

func (t *step) hatTaken(sub *form.Submission) (*adhoc.Result, *StanzaError) {
	return nil, t.hatOfForm(sub, t.unassignHat)
}

func (t *step) hatOfForm(sub *form.Submission, act func(JID, string) *StanzaError) *StanzaError {
	who, err := t.r.named(filledIn(sub, fieldHatJID))
	if err != nil {
		return refuse(stanza.JIDMalformed, "XEP-0317 §3.5", "the address is malformed")
	}
	return act(who, filledIn(sub, fieldHatURI))
}

// hatColumns are those of the lists.
var hatColumns = []form.Field{
	{Name: fieldHatTitle, Type: string(TextSingle), Label: "Title"},
	{Name: fieldHatURI, Type: string(TextSingle), Label: "URI"},
	{Name: fieldHatHue, Type: string(TextSingle), Label: "Hue"},
}

func (t *step) hatList(*form.Submission) (*adhoc.Result, *StanzaError) {
	table := &form.Table{Title: "Hats List", Columns: hatColumns}
	for _, h := range t.r.st.Sparse().Hats() {
		table.Rows = append(table.Rows, []string{h.Title, h.URI, h.Hue})
	}
	return &adhoc.Result{Table: table}, nil
}

// assignedHatList lists who has which hats, as many as one answer takes.
func (t *step) assignedHatList(*form.Submission) (*adhoc.Result, *StanzaError) {
	rare, left, more := t.r.st.Sparse(), t.r.cfg.Limits.PageBytes, 0
	table := &form.Table{Title: "Assigned Hats List", Columns: []form.Field{
		{Name: fieldHatJID, Type: string(JIDSingle), Label: "User Address"}, hatColumns[1], hatColumns[0], hatColumns[2]}}
	for _, who := range rare.Wearers("") {
		for _, h := range rare.HatsOf(who) {
			row := listedHat(who, &h)
			for _, text := range row {
				left -= xmlwire.EscapedLen(text)
			}
			if left -= hatMarkup; left < 0 && len(table.Rows) > 0 {
				more++
				continue
			}
			table.Rows = append(table.Rows, row)
		}
	}
	result := &adhoc.Result{Table: table}
	if more > 0 {
		result.Note = "Hats that are not listed here: " + strconv.Itoa(more)
	}
	return result, nil
}
