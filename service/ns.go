package service

// The namespaces that the service itself speaks. No other file spells one out.
const (
	nsStanzas    = "urn:ietf:params:xml:ns:xmpp-stanzas"
	nsMUC        = "http://jabber.org/protocol/muc"
	nsStableID   = "http://jabber.org/protocol/muc#stable_id"
	nsUser       = "http://jabber.org/protocol/muc#user"
	nsOwner      = "http://jabber.org/protocol/muc#owner"
	nsUnique     = "http://jabber.org/protocol/muc#unique"
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsData       = "jabber:x:data"
	nsCommands   = "http://jabber.org/protocol/commands"
	nsAdmin      = "http://jabber.org/protocol/admin"
	nsAnnounce   = "http://jabber.org/protocol/admin#announce"
	nsRSM        = "http://jabber.org/protocol/rsm"
	nsPing       = "urn:xmpp:ping"
	nsServerInfo = "http://jabber.org/network/serverinfo"
	nsVersion    = "jabber:iq:version"
	nsVCard      = "vcard-temp"
	nsOccupantID = "urn:xmpp:occupant-id:0"
)
