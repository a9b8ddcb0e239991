package xmlwire

import (
	"errors"
	"strings"

	"github.com/beevik/etree"
)

// asItIs writes what parsers read back as it is.
var asItIs = &etree.WriteSettings{CanonicalText: true, CanonicalAttrVal: true}

// Text is an element as XML, to be read back by ParseText: other than canonical XML it keeps
// prefixes, comments and the attributes of the element itself.
func Text(el *etree.Element) string {
	var b strings.Builder
	el.WriteTo(&b, asItIs)
	return b.String()
}

var errNoElement = errors.New("there is no element in it")

// ParseText reads what Text wrote.
func ParseText(text string) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return nil, err
	}
	if doc.Root() == nil {
		return nil, errNoElement
	}
	return doc.Root(), nil
}
