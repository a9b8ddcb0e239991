package muc

// The namespaces a room speaks. No other file spells one out.
const (
	nsClient    = "jabber:client"
	nsServer    = "jabber:server"
	nsComponent = "jabber:component:accept"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
	nsStanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas"

	nsMUC      = "http://jabber.org/protocol/muc"
	nsUser     = "http://jabber.org/protocol/muc#user"
	nsAdmin    = "http://jabber.org/protocol/muc#admin"
	nsOwner    = "http://jabber.org/protocol/muc#owner"
	nsRegForm  = "http://jabber.org/protocol/muc#register"
	nsRequest  = "http://jabber.org/protocol/muc#request"
	nsConfig   = "http://jabber.org/protocol/muc#roomconfig"
	nsRoomInfo = "http://jabber.org/protocol/muc#roominfo"
	nsTraffic  = "http://jabber.org/protocol/muc#traffic"
	nsStableID = "http://jabber.org/protocol/muc#stable_id"
	nsSelfPing = "http://jabber.org/protocol/muc#self-ping-optimization"

	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsCorrect    = "urn:xmpp:message-correct:0"
	nsRSM        = "http://jabber.org/protocol/rsm"
	nsData       = "jabber:x:data"
	nsValidate   = "http://jabber.org/protocol/xdata-validate"
	nsRegister   = "jabber:iq:register"
	nsConference = "jabber:x:conference"
	nsDelay      = "urn:xmpp:delay"
	nsOldDelay   = "jabber:x:delay"
	nsPing       = "urn:xmpp:ping"
	nsAddress    = "http://jabber.org/protocol/address"
	nsHints      = "urn:xmpp:hints"
	nsSID        = "urn:xmpp:sid:0"
	nsOccupantID = "urn:xmpp:occupant-id:0"
	nsHats       = "urn:xmpp:hats:0"
	nsModerate   = "urn:xmpp:message-moderate:1"
	nsProsodyMUC = "http://prosody.im/protocol/muc"
	nsRetract    = "urn:xmpp:message-retract:1"
	nsOldHats    = "xmpp:prosody.im/protocol/hats:1"
	nsOldModer   = "urn:xmpp:message-moderate:0"
	nsOldRetract = "urn:xmpp:message-retract:0"
	nsFasten     = "urn:xmpp:fasten:0"
	nsNick       = "http://jabber.org/protocol/nick"
	nsXHTML      = "http://jabber.org/protocol/xhtml-im"
	nsEME        = "urn:xmpp:eme:0"
	nsVCard      = "vcard-temp"
	nsVCard4     = "urn:ietf:params:xml:ns:vcard-4.0"
	nsPubSub     = "http://jabber.org/protocol/pubsub"
	nsMAM        = "urn:xmpp:mam:2"
	nsMAMMore    = "urn:xmpp:mam:2#extended"
	nsTombstone  = "urn:xmpp:message-retract:1#tombstone"
	nsForward    = "urn:xmpp:forward:0"
	nsCommands   = "http://jabber.org/protocol/commands"
)

// nodeReservedNick is the disco node at which one asks for one's reserved nick
// (XEP-0045 §7.12).
const nodeReservedNick = "x-roomuser-item"

// pictureNodes are the PubSub nodes where clients find pictures and what else is on
// somebody's card (XEP-0084, XEP-0292).
var pictureNodes = []string{"urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data", "urn:xmpp:vcard4"}

// activityField is how many messages an hour are sent in a room (XEP-0502).
const activityField = "{urn:xmpp:muc-activity}message-activity"
