package importer

import (
	"errors"

	"github.com/beevik/etree"
)

// errElement: something is no XML element.
var errElement = errors.New("it is no stanza")

// newElement makes an element of a name, which the room checks again when it is written.
func newElement(name string) (*etree.Element, error) {
	if name == "" {
		return nil, errElement
	}
	return etree.NewElement(name), nil
}

// asContent takes off a stanza what is not said with it: its addresses and its type.
func asContent(el *etree.Element) *etree.Element {
	for _, name := range []string{"from", "to", "type", "stamp", "xmlns"} {
		el.RemoveAttr(name)
	}
	return el
}
