package muc_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/scansion"
)

// Whatever happens in a room, each stanza that leaves it keeps to the manners that
// XEP-0045 asks for everywhere: this looks at all that all scripts make rooms say.
//
// rows: C7, J22, J23, K12, K13, L3, L4
func TestEtiquette(t *testing.T) {
	names, err := scansion.Files("testdata")
	assert.NoError(t, err)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			script, err := scansion.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rooms := map[muc.JID]*insiders{}
			assert.NoError(t, scansion.Play(script, scansion.Options{Observe: func(room muc.JID, fx muc.Effects) {
				if rooms[room] == nil {
					rooms[room] = &insiders{t: t, room: room, of: map[muc.JID]uint32{}, nicks: map[uint32]string{}}
				}
				rooms[room].step(fx)
			}}))
		})
	}
}

// foreignTexts are what hosts and owners said in their own words.
var foreignTexts = []string{"Not tonight", "No room for it", "Macbeth doth come"}

// insiders is who is inside a room, as far as its events tell.
type insiders struct {
	t     *testing.T
	room  muc.JID
	of    map[muc.JID]uint32 // the occupant of each session
	nicks map[uint32]string
	// own are the nicks that each session had before, during and after this step.
	own map[muc.JID][]string
	// registers says that in this step somebody registered.
	registers bool
}

func (in *insiders) step(fx muc.Effects) {
	in.own, in.registers = map[muc.JID][]string{}, false
	in.note()
	for ev := range fx.Events() {
		switch b := ev.Body.(type) {
		case *event.Registered:
			in.registers = true
		case *event.Joined:
			in.nicks[b.Occupant] = b.Nick
			if b.Session != 0 {
				in.of[b.JID] = b.Occupant
			}
		case *event.Renamed:
			in.of[b.JID], in.nicks[b.Occupant] = b.Occupant, b.Nick
		case *event.Left:
			if b.Session != 0 {
				delete(in.of, b.JID)
			}
		case *event.Removed:
			for _, j := range b.JIDs {
				delete(in.of, j)
			}
		}
		in.note()
	}
	for _, out := range fx.Outbound {
		assert.NotEmpty(in.t, out.To())
		for _, to := range out.To() {
			in.look(to, string(out.AppendXML(nil, to, "")))
		}
	}
}

func (in *insiders) note() {
	for j, o := range in.of {
		in.own[j] = append(in.own[j], in.nicks[o])
	}
}

// look holds one stanza to the rules, as one reader gets it.
func (in *insiders) look(to muc.JID, xml string) {
	el := parse(xml)
	from := el.SelectAttrValue("from", "")
	bare, nick, _ := strings.Cut(from, "/")
	assert.Equal(in.t, in.room.String(), bare, "what a room says comes from the room: %s", xml)

	lookAtForms(in.t, el, map[string]bool{})

	codes := in.codes(el, xml)
	assert.True(in.t, slices.IsSorted(codes), "status codes ascend: %s", xml)
	assert.Len(in.t, slices.Compact(slices.Clone(codes)), len(codes), "each status code is there once: %s", xml)

	switch typ := el.SelectAttrValue("type", ""); {
	case typ == "error" && el.SelectElement("error").SelectAttr("by") != nil:
		assert.Equal(in.t, in.room.String(), el.SelectElement("error").SelectAttrValue("by", ""), xml)
		assert.Nil(in.t, el.FindElement("x/password"), "a password comes back: %s", xml)
		assert.Empty(in.t, codes, "an error has no status codes: %s", xml)
		if text := el.FindElement("error/text"); text != nil && !slices.Contains(foreignTexts, text.Text()) {
			assert.Regexp(in.t, `^[^a-z].*[.?!]$`, text.Text(), "what an error says is a sentence: %s", xml)
		}
	case typ == "error":
		assert.NotEmpty(in.t, nick, "only errors of occupants, passed on, do not say who detected them: %s", xml)
	case el.Tag == "presence" && nick == "" && typ == "":
		x := el.ChildElements()
		assert.True(in.t, len(x) == 1 && x[0].NamespaceURI() == "vcard-temp:x:update", "the room itself tells its avatar, and nothing else: %s", xml)
	case el.Tag == "presence":
		in.presence(to, el, nick, codes, xml)
	}
}

func (in *insiders) presence(to muc.JID, el *etree.Element, nick string, codes []int, xml string) {
	x := el.SelectElements("x")
	x = slices.DeleteFunc(x, func(x *etree.Element) bool { return x.NamespaceURI() != "http://jabber.org/protocol/muc#user" })
	if !assert.Len(in.t, x, 1, xml) || !assert.Len(in.t, x[0].SelectElements("item"), 1, xml) {
		return
	}
	item := x[0].SelectElement("item")
	assert.NotEmpty(in.t, item.SelectAttrValue("role", ""), xml)
	assert.NotEmpty(in.t, item.SelectAttrValue("affiliation", ""), xml)
	if j := item.SelectAttrValue("jid", ""); j != "" {
		assert.NotEmpty(in.t, muc.MustParseJID(j).Resource(), "the jid of an item is a full one: %s", xml)
	}
	own, inside := in.own[to]
	switch {
	case inside && own[len(own)-1] == nick:
		assert.Contains(in.t, codes, 110, "one's own presence says so: %s", xml)
	case slices.Contains(own, nick): // which is another's now, or nobody's
	case inside:
		for _, code := range []int{100, 110, 201, 210} {
			if code == 210 && in.registers {
				continue // a nick changed by registration is told to all so (§7.10)
			}
			assert.NotContains(in.t, codes, code, "to %s: this is for the one concerned alone: %s", to, xml)
		}
	default:
		assert.Equal(in.t, []int{110, 307, 333}, codes, "who is not inside is told only that: %s", xml)
	}
}

// codes are the status codes that the room put into a stanza.
func (in *insiders) codes(el *etree.Element, xml string) []int {
	var codes []int
	for _, x := range el.SelectElements("x") {
		for _, s := range x.SelectElements("status") {
			code, err := strconv.Atoi(s.SelectAttrValue("code", ""))
			assert.NoError(in.t, err, xml)
			codes = append(codes, code)
		}
	}
	return codes
}
