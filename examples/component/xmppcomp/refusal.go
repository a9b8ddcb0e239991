package xmppcomp

import (
	"github.com/beevik/etree"

	"github.com/gomuc/muc/stanza"
)

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
	return stanzaError(head.Tag, to, from, head.SelectAttrValue("id", ""), errorType, condition, text)
}

// Instead is what the asker of a request gets instead of the result: an error. It is nil
// for what is no result.
func Instead(result *etree.Element, to, errorType, condition, text string) []byte {
	if result.Tag != "iq" || result.SelectAttrValue("type", "") != "result" {
		return nil
	}
	return stanzaError("iq", result.SelectAttrValue("from", ""), to, result.SelectAttrValue("id", ""), errorType, condition, text)
}

func stanzaError(tag, from, to, id, errorType, condition, text string) []byte {
	answer := "<" + tag + " type='error' from='" + escape(from) + "' to='" + escape(to) + "'"
	if id != "" {
		answer += " id='" + escape(id) + "'"
	}
	e := stanza.Error{Type: stanza.ErrorType(errorType), Condition: stanza.Condition(condition), Text: text}
	return append(e.AppendXML([]byte(answer+">"), ""), "</"+tag+">"...)
}
