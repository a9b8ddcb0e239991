package service

import "github.com/beevik/etree"

// What a stanza takes as a tree is many times its text: each element, attribute and
// piece of text is an object of its own. These are the sizes that Go gives them on
// 64-bit machines.
const (
	elementBytes = 96
	attrBytes    = 56
	tokenBytes   = 16 // in the list of children
	textBytes    = 48
	stanzaBytes  = 256 // what the service itself holds of a stanza that waits
)

// sizeOf estimates how much memory a stanza takes. It does not recurse: the sender
// decides how deep a stanza is.
func sizeOf(stanza *etree.Element) int {
	size := stanzaBytes
	rest := []*etree.Element{stanza}
	for len(rest) > 0 {
		el := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		size += elementBytes + stringBytes(el.Space) + stringBytes(el.Tag) + cap(el.Attr)*attrBytes + cap(el.Child)*tokenBytes
		for i := range el.Attr {
			a := &el.Attr[i]
			size += stringBytes(a.Space) + stringBytes(a.Key) + stringBytes(a.Value)
		}
		for _, token := range el.Child {
			switch x := token.(type) {
			case *etree.Element:
				rest = append(rest, x)
			case *etree.CharData:
				size += textBytes + stringBytes(x.Data)
			case *etree.Comment:
				size += textBytes + stringBytes(x.Data)
			case *etree.Directive:
				size += textBytes + stringBytes(x.Data)
			case *etree.ProcInst:
				size += textBytes + stringBytes(x.Target) + stringBytes(x.Inst)
			}
		}
	}
	return size
}

// stringBytes is what a string takes, in the steps in which Go hands out memory.
func stringBytes(s string) int { return (len(s) + 15) &^ 15 }
