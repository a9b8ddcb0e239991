package xmppcomp

import "github.com/beevik/etree"

// Refusal answers a stanza, of which the head is enough, with an error (RFC 6120
// §8.3). It is nil for a stanza that must not be answered, or that says not who
// sent it.
func Refusal(head *etree.Element, errorType, condition, text string) []byte {
	from, to := head.SelectAttrValue("from", ""), head.SelectAttrValue("to", "")
	switch kind := head.SelectAttrValue("type", ""); {
	case from == "" || to == "" || kind == "error":
		return nil
	case head.Tag == "iq" && kind == "result":
		return nil
	case head.Tag != "iq" && head.Tag != "message" && head.Tag != "presence":
		return nil
	}
	answer := "<" + head.Tag + " type='error' from='" + escape(to) + "' to='" + escape(from) + "'"
	if id := head.SelectAttrValue("id", ""); id != "" {
		answer += " id='" + escape(id) + "'"
	}
	answer += "><error type='" + errorType + "'><" + condition + " xmlns='" + nsStanzas + "'/>" +
		"<text xmlns='" + nsStanzas + "'>" + escape(text) + "</text></error></" + head.Tag + ">"
	return []byte(answer)
}
