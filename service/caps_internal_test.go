package service

import (
	"testing"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func capsOfText(t *testing.T, text string) caps {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(text))
	return capsOf(doc.Root())
}

// The examples of XEP-0115 §5.2 and §5.3, and of XEP-0390 §4.5.
func TestCapsOfTheExamples(t *testing.T) {
	assert.Equal(t, "QgayPKawpkPSDYmwT/WM94uAlu0=", capsOfText(t, `<query xmlns='http://jabber.org/protocol/disco#info'>
		<identity category='client' name='Exodus 0.9.1' type='pc'/><feature var='http://jabber.org/protocol/caps'/>
		<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/disco#info'/>
		<feature var='http://jabber.org/protocol/muc'/></query>`).ver)
	assert.Equal(t, "q07IKJEyjvHSyhy//CH0CxmKi8w=", capsOfText(t, `<query xmlns='http://jabber.org/protocol/disco#info'>
		<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/><identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>
		<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>
		<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>
		<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
		<field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field><field var='os'><value>Mac</value></field>
		<field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field>
		<field var='software_version'><value>0.11</value></field></x></query>`).ver)
	simple := capsOfText(t, `<query xmlns="http://jabber.org/protocol/disco#info"><identity category="client" name="BombusMod" type="mobile"/>
		<feature var="http://jabber.org/protocol/si"/><feature var="http://jabber.org/protocol/bytestreams"/><feature var="http://jabber.org/protocol/chatstates"/>
		<feature var="http://jabber.org/protocol/disco#info"/><feature var="http://jabber.org/protocol/disco#items"/><feature var="urn:xmpp:ping"/>
		<feature var="jabber:iq:time"/><feature var="jabber:iq:privacy"/><feature var="jabber:iq:version"/><feature var="http://jabber.org/protocol/rosterx"/>
		<feature var="urn:xmpp:time"/><feature var="jabber:x:oob"/><feature var="http://jabber.org/protocol/ibb"/>
		<feature var="http://jabber.org/protocol/si/profile/file-transfer"/><feature var="urn:xmpp:receipts"/><feature var="jabber:iq:roster"/>
		<feature var="jabber:iq:last"/></query>`)
	assert.Equal(t, "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=", simple.hashes[0].value)
	assert.Equal(t, "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=", simple.hashes[1].value)
}

// Texts are sorted by themselves, whatever comes after them: a feature stands before the ones
// that begin with it.
func TestCapsAreSorted(t *testing.T) {
	query := func(features ...string) *etree.Element {
		q := etree.NewElement("query")
		for _, f := range features {
			q.CreateElement("feature").CreateAttr("var", f)
		}
		return q
	}
	assert.Equal(t, "muc<muc#unique<muc.x<", capsText(query("muc#unique", "muc.x", "muc")))
	assert.Equal(t, "muc\x1fmuc#unique\x1fmuc.x\x1f\x1c\x1c\x1c", caps2Text(query("muc#unique", "muc.x", "muc")))
}
