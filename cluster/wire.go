package cluster

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/service"
)

// What is stored and what nodes tell each other, in JSON. docs/cluster.md describes it. An
// unknown field is ignored; a node of an earlier version and one of this version work together.

type (
	// stepBody is the body of a [Step].
	stepBody struct {
		Inputs []service.Input `json:"inputs"`
		Events []event.Event   `json:"events"`
	}
	// snapshotBody is the body of a [Snapshot], and without the snapshot that of a [Gone].
	snapshotBody struct {
		Snapshot []byte           `json:"snapshot,omitempty"`
		Sources  []service.Source `json:"sources,omitempty"`
	}
	// inFrame is a stanza on its way to the owner of its room: in.<id>.
	inFrame struct {
		Gateway string  `json:"g"`
		Shard   int     `json:"s"`
		Epoch   Epoch   `json:"e"` // of the owner that is meant
		Number  uint64  `json:"n"` // of the gateway, in this shard
		Before  uint64  `json:"p"` // number of the one that is open before it; 0 for none
		Room    muc.JID `json:"r"`
		From    muc.JID `json:"f"`
		Text    string  `json:"x"`
	}
	// ackFrame answers it: ack.<gateway>.
	ackFrame struct {
		Shard  int    `json:"s"`
		Epoch  Epoch  `json:"e"`
		Number uint64 `json:"n,omitempty"` // it is done
		Again  bool   `json:"a,omitempty"` // all that is open is wanted again
	}
	// outFrame is what one node has to say to another one, in order, each once: out.<id>.
	outFrame struct {
		From   string          `json:"f"`
		Number uint64          `json:"n"`
		Body   json.RawMessage `json:"b"`
	}
	// gotFrame answers it: got.<id>.
	gotFrame struct {
		From   string `json:"f"`
		Number uint64 `json:"n"`           // all up to it
		Again  bool   `json:"a,omitempty"` // the next one was lost
	}
	// outBody is what stands in an outFrame: one of these.
	outBody struct {
		Speech   *speech         `json:"o,omitempty"`
		Vanished muc.JID         `json:"v,omitzero"`
		Announce string          `json:"a,omitempty"`
		Listed   []Entry         `json:"l,omitempty"`
		Counts   map[muc.JID]int `json:"c,omitempty"` // how many occupants rooms have
		Blocked  *string         `json:"k,omitempty"` // the reason of KickBlocked
		Host     []byte          `json:"h,omitempty"` // see Node.Tell
		Hold     *holdFrame      `json:"d,omitempty"`
		Forget   *forgetFrame    `json:"g,omitempty"`
		Owner    *ownerFrame     `json:"w,omitempty"` // to the next active node, before it is to say something
	}
	// holdFrame: the active node yields, and what rooms say is to be held up.
	holdFrame struct {
		Epoch Epoch `json:"e"`           // of the active node, as the owner of shard 0
		Held  bool  `json:"h,omitempty"` // to it: that is done, and nothing comes any more
		GoOn  bool  `json:"g,omitempty"` // it is the active node still
	}
	// speech is what a room says at once, or a part of it.
	speech struct {
		Room  muc.JID `json:"r,omitzero"`
		Shard int     `json:"s"`
		Epoch Epoch   `json:"e"`
		Pos   Pos     `json:"p,omitempty"` // of the step that it came of; 0 if nothing was stored
		Part  int     `json:"i,omitempty"`
		Mark  Pos     `json:"m,omitempty"` // all up to there will not be said again
		Again bool    `json:"a,omitempty"`
		Says  []*says `json:"x"`
	}
	// says is one stanza of it: its text has a place for the address.
	says struct {
		Before string    `json:"b"`
		After  string    `json:"a"`
		Who    []muc.JID `json:"t"`
		Tag    string    `json:"n"`
		Kind   string    `json:"y,omitempty"`
		Ident  string    `json:"i,omitempty"`
	}
	// beatFrame says that a node lives: beat.
	beatFrame struct {
		Node     string   `json:"n"`
		Life     string   `json:"l"`
		Ready    bool     `json:"r,omitempty"` // it takes shards
		Bye      bool     `json:"b,omitempty"` // it is no more
		Expelled []string `json:"x,omitempty"`
	}
	// ownerFrame says that a shard has another owner: owner.
	ownerFrame struct {
		Shard  int    `json:"s"`
		Node   string `json:"n"`
		Life   string `json:"l"`
		Epoch  Epoch  `json:"e"`
		Loaded bool   `json:"d,omitempty"` // it has loaded the rooms with somebody inside
	}
	// handFrame hands a shard over, of which nothing is under way: hand.<id>.
	handFrame struct {
		Shard int               `json:"s"`
		Epoch Epoch             `json:"e"` // of the new ownership
		Pos   Pos               `json:"p"` // all up to there was delivered
		Mark  Pos               `json:"m"` // as it is stored
		Rev   uint64            `json:"v"`
		Rooms []json.RawMessage `json:"r"` // handed: those with somebody inside
	}
	// handed is one of its rooms. Without a snapshot it has to be read.
	handed struct {
		Last        Pos              `json:"p"` // of its log
		Entry       Entry            `json:"l"`
		Listed      bool             `json:"i,omitempty"` // the list has this entry
		Snapshot    []byte           `json:"t,omitempty"`
		Sources     []service.Source `json:"c,omitempty"`
		Unshot      int              `json:"u,omitempty"`
		UnshotBytes int              `json:"b,omitempty"`
	}
)

// encode writes JSON; all types here can be written.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// id is by which a life of a node is known.
func id(node, life string) string { return node + "-" + life }

// id is that of the owner, "" for none.
func (o Owner) id() string {
	if o.Node == "" {
		return ""
	}
	return id(o.Node, o.Life)
}

// saysOf writes a stanza for some of those it goes to. Its text is the same for all of them, but
// for the address.
func saysOf(s service.Stanza, who []muc.JID) *says {
	out := &says{Who: who, Tag: s.Name(), Kind: s.Type(), Ident: s.ID()}
	if out.cut(s.AppendXML(nil, who[0], ""), "'", who[0].AppendEscaped(nil)) {
		return out
	}
	el := s.Stanza() // written by others
	el.CreateAttr("to", nobody)
	out.cut(textOf(el), `"`, []byte(nobody))
	return out
}

// nobody is an address that no escaping changes.
const nobody = "nobody.invalid"

// cut cuts a text where the address stands in it.
func (s *says) cut(text []byte, quote string, address []byte) bool {
	attr := slices.Concat([]byte(" to="+quote), address, []byte(quote))
	at := bytes.Index(text, attr)
	if at < 0 {
		return false
	}
	s.Before, s.After = string(text[:at+len(attr)-len(address)-1]), string(text[at+len(attr)-1:])
	return true
}

// textOf writes an element.
func textOf(el *etree.Element) []byte {
	doc := etree.NewDocument()
	doc.SetRoot(el)
	text, err := doc.WriteToBytes()
	if err != nil {
		panic(err) // memory takes all that is written
	}
	return text
}

// elementOf reads what was written.
func elementOf(text string) *etree.Element {
	doc := etree.NewDocument()
	if doc.ReadFromString(text) != nil {
		return nil
	}
	return doc.Root()
}

// size is roughly what it takes on the wire.
func (s *says) size() int {
	n := len(s.Before) + len(s.After) + 64
	for _, to := range s.Who {
		n += len(to.String()) + 4
	}
	return n
}

// To lists where the stanza goes.
func (s *says) To() []muc.JID { return s.Who }

// Name is message, presence or iq.
func (s *says) Name() string { return s.Tag }

// Type is the stanza's.
func (s *says) Type() string { return s.Kind }

// ID is the stanza's.
func (s *says) ID() string { return s.Ident }

// AppendXML writes the stanza for one of To.
func (s *says) AppendXML(dst []byte, to muc.JID, ns string) []byte {
	before := s.Before
	if ns != "" {
		head := len("<") + len(s.Tag)
		dst = append(dst, before[:head]...)
		dst = xmlwire.AppendAttr(dst, "xmlns", ns)
		before = before[head:]
	}
	return append(to.AppendEscaped(append(dst, before...)), s.After...)
}

// Stanza is the stanza as an element, without `to`.
func (s *says) Stanza() *etree.Element {
	el := elementOf(string(s.AppendXML(nil, s.Who[0], "")))
	el.RemoveAttr("to")
	return el
}

// refusal answers a stanza with an error.
func refusal(el *etree.Element, from muc.JID, e *muc.StanzaError) *says {
	answer := etree.NewElement(el.Tag)
	answer.CreateAttr("from", el.SelectAttrValue("to", ""))
	answer.CreateAttr("type", "error")
	out := &says{Who: []muc.JID{from}, Tag: el.Tag, Kind: "error", Ident: el.SelectAttrValue("id", "")}
	if out.Ident != "" {
		answer.CreateAttr("id", out.Ident)
	}
	answer.AddChild(xmlwire.Element(string(e.AppendXML(nil, ""))))
	answer.CreateAttr("to", nobody)
	out.cut(textOf(answer), `"`, []byte(nobody))
	return out
}

// isAnswer reports whether a stanza must not be answered (RFC 6120 §8.2.3, §8.3.1).
func isAnswer(el *etree.Element) bool {
	typ := el.SelectAttrValue("type", "")
	return typ == "error" || el.Tag == "iq" && typ == "result"
}

// isGoodbye reports whether a stanza tells what is so anyway.
func isGoodbye(el *etree.Element) bool {
	return isAnswer(el) || el.Tag == "presence" && el.SelectAttrValue("type", "") == "unavailable"
}

// anySize bounds nothing: rooms judge it.
var anySize = xmlwire.Bounds{Bytes: math.MaxInt32, Depth: math.MaxInt32, Elements: math.MaxInt32, Attrs: math.MaxInt32}

// stanzaText writes a stanza as XML that stands for itself, wherever its prefixes are declared;
// "" if it is none.
func stanzaText(el *etree.Element, from muc.JID) string {
	p, err := new(xmlwire.Encoder).Encode(el, anySize)
	if err != nil {
		return ""
	}
	b := append([]byte{'<'}, el.Tag...)
	for _, a := range el.Attr {
		if a.Space == "xml" || a.Space == "" && a.Key != "xmlns" && a.Key != "from" {
			b = xmlwire.AppendAttr(b, a.FullKey(), a.Value)
		}
	}
	b = xmlwire.AppendAttr(b, "from", from.String())
	if p.Text == "" {
		return string(append(b, "/>"...))
	}
	b = append(append(append(b, '>'), p.Text...), "</"...)
	return string(append(append(b, el.Tag...), '>'))
}
