package service

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/gomuc/muc/internal/ns"
)

// Entity capabilities of the service: hashes of what disco#info tells of it, which it sends in
// its presence, so that clients that know them need not ask (XEP-0115, XEP-0390). A room has
// none: its information holds how many people are in it, and so would its hash.

// caps are the hashes of an answer to disco#info: that of XEP-0115, and those of XEP-0390 by
// the name of the function.
type caps struct {
	ver    string
	hashes [2]struct{ algo, value string }
}

func capsOf(about *etree.Element) (c caps) {
	old := sha1.Sum([]byte(capsText(about)))
	c.ver = base64.StdEncoding.EncodeToString(old[:])
	input := []byte(caps2Text(about))
	sha2, keccak := sha256.Sum256(input), sha3.Sum256(input)
	c.hashes[0].algo, c.hashes[0].value = "sha-256", base64.StdEncoding.EncodeToString(sha2[:])
	c.hashes[1].algo, c.hashes[1].value = "sha3-256", base64.StdEncoding.EncodeToString(keccak[:])
	return c
}

// isNode reports whether a disco node stands for what has these hashes (XEP-0115 §6.2,
// XEP-0390 §4.3).
func (c caps) isNode(node string) bool {
	if node == ns.Software+"#"+c.ver {
		return true
	}
	for _, h := range c.hashes {
		if node == ns.Caps2+"#"+h.algo+"."+h.value {
			return true
		}
	}
	return false
}

// present answers a presence probe: the service is there, and can do this.
func (s *Service) present(in *incoming) *reply {
	known := capsOf(s.about())
	r := in.reply("presence", "")
	c := child(r.el, ns.Caps, "c")
	c.CreateAttr("hash", "sha-1")
	c.CreateAttr("node", ns.Software)
	c.CreateAttr("ver", known.ver)
	c = child(r.el, ns.Caps2, "c")
	for _, h := range known.hashes {
		hash := child(c, ns.Hashes, "hash")
		hash.CreateAttr("algo", h.algo)
		hash.SetText(h.value)
	}
	return r
}

// capsText is what is hashed by XEP-0115 §5.1. Texts are sorted without what separates them.
func capsText(about *etree.Element) string {
	var identities, features, forms [][]string // each begins with what it is sorted by
	for _, el := range about.ChildElements() {
		switch el.Tag {
		case "identity":
			identities = append(identities, []string{strings.Join(identityOf(el), "/")})
		case "feature":
			features = append(features, []string{el.SelectAttrValue("var", "")})
		case "x":
			kind := ""
			var fields [][]string
			for _, f := range el.SelectElements("field") {
				name, values := f.SelectAttrValue("var", ""), valuesOf(f)
				if name == "FORM_TYPE" {
					kind = strings.Join(values, "<")
				} else {
					fields = append(fields, append([]string{name}, values...))
				}
			}
			slices.SortFunc(fields, slices.Compare)
			forms = append(forms, append([]string{kind}, slices.Concat(fields...)...))
		}
	}
	var w strings.Builder
	for _, list := range [...][][]string{identities, features, forms} {
		slices.SortFunc(list, slices.Compare)
		for _, text := range slices.Concat(list...) {
			w.WriteString(text + "<")
		}
	}
	return w.String()
}

// caps2Text is what is hashed by XEP-0390 §4.1.
func caps2Text(about *etree.Element) string {
	const unit, record, group, file = "\x1f", "\x1e", "\x1d", "\x1c"
	var identities, features, forms []string
	for _, el := range about.ChildElements() {
		switch el.Tag {
		case "identity":
			identities = append(identities, strings.Join(identityOf(el), unit)+unit+record)
		case "feature":
			features = append(features, el.SelectAttrValue("var", "")+unit)
		case "x":
			var fields []string
			for _, f := range el.SelectElements("field") {
				fields = append(fields, f.SelectAttrValue("var", "")+unit+joined(valuesOf(f), unit)+record)
			}
			forms = append(forms, sorted(fields)+group)
		}
	}
	return sorted(features) + file + sorted(identities) + file + sorted(forms) + file
}

func identityOf(el *etree.Element) []string {
	return []string{el.SelectAttrValue("category", ""), el.SelectAttrValue("type", ""), el.SelectAttrValue("xml:lang", ""), el.SelectAttrValue("name", "")}
}

// valuesOf are the values of a field, sorted.
func valuesOf(field *etree.Element) []string {
	var values []string
	for _, v := range field.SelectElements("value") {
		values = append(values, v.Text())
	}
	slices.Sort(values)
	return values
}

// joined joins texts, each followed by a separator.
func joined(texts []string, end string) string {
	var w strings.Builder
	for _, text := range texts {
		w.WriteString(text + end)
	}
	return w.String()
}

// sorted joins texts in the order of their bytes.
func sorted(texts []string) string {
	slices.Sort(texts)
	return strings.Join(texts, "")
}
