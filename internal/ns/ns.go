package ns

// The namespaces.
const (
	Client    = "jabber:client"
	Server    = "jabber:server"
	Component = "jabber:component:accept"
	XML       = "http://www.w3.org/XML/1998/namespace"
	XMLNS     = "http://www.w3.org/2000/xmlns/"
	Stanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas"

	MUC      = "http://jabber.org/protocol/muc"
	User     = "http://jabber.org/protocol/muc#user"
	Admin    = "http://jabber.org/protocol/muc#admin"
	Owner    = "http://jabber.org/protocol/muc#owner"
	RegForm  = "http://jabber.org/protocol/muc#register"
	Request  = "http://jabber.org/protocol/muc#request"
	Config   = "http://jabber.org/protocol/muc#roomconfig"
	RoomInfo = "http://jabber.org/protocol/muc#roominfo"
	Traffic  = "http://jabber.org/protocol/muc#traffic"
	StableID = "http://jabber.org/protocol/muc#stable_id"
	SelfPing = "http://jabber.org/protocol/muc#self-ping-optimization"

	DiscoInfo   = "http://jabber.org/protocol/disco#info"
	DiscoItems  = "http://jabber.org/protocol/disco#items"
	Correct     = "urn:xmpp:message-correct:0"
	RSM         = "http://jabber.org/protocol/rsm"
	Data        = "jabber:x:data"
	Validate    = "http://jabber.org/protocol/xdata-validate"
	Register    = "jabber:iq:register"
	Conference  = "jabber:x:conference"
	Delay       = "urn:xmpp:delay"
	OldDelay    = "jabber:x:delay"
	Ping        = "urn:xmpp:ping"
	Address     = "http://jabber.org/protocol/address"
	Hints       = "urn:xmpp:hints"
	SID         = "urn:xmpp:sid:0"
	OccupantID  = "urn:xmpp:occupant-id:0"
	Hats        = "urn:xmpp:hats:0"
	Moderate    = "urn:xmpp:message-moderate:1"
	ProsodyMUC  = "http://prosody.im/protocol/muc"
	Retract     = "urn:xmpp:message-retract:1"
	OldHats     = "xmpp:prosody.im/protocol/hats:1"
	OldModerate = "urn:xmpp:message-moderate:0"
	OldRetract  = "urn:xmpp:message-retract:0"
	Fasten      = "urn:xmpp:fasten:0"
	Nick        = "http://jabber.org/protocol/nick"
	XHTML       = "http://jabber.org/protocol/xhtml-im"
	EME         = "urn:xmpp:eme:0"
	VCard       = "vcard-temp"
	VCardUpdate = "vcard-temp:x:update"
	VCard4      = "urn:ietf:params:xml:ns:vcard-4.0"
	PubSub      = "http://jabber.org/protocol/pubsub"
	MAV         = "urn:xmpp:muc:affiliations:1"
	MAM         = "urn:xmpp:mam:2"
	MAMExtended = "urn:xmpp:mam:2#extended"
	Tombstone   = "urn:xmpp:message-retract:1#tombstone"
	Forward     = "urn:xmpp:forward:0"
	Mentions    = "urn:xmpp:mmn:0"
	Reference   = "urn:xmpp:reference:0"
	Commands    = "http://jabber.org/protocol/commands"
	HatCommands = "urn:xmpp:hats:commands"

	Search       = "urn:xmpp:channel-search:0:search"
	SearchParams = "urn:xmpp:channel-search:0:search-params"
	SearchError  = "urn:xmpp:channel-search:0:error"
	Caps         = "http://jabber.org/protocol/caps"
	Caps2        = "urn:xmpp:caps"
	Hashes       = "urn:xmpp:hashes:2"
	RoomActivity = "urn:xmpp:rai:0"
	Unique       = "http://jabber.org/protocol/muc#unique"
	ServiceAdmin = "http://jabber.org/protocol/admin"
	Announce     = "http://jabber.org/protocol/admin#announce"
	ServerInfo   = "http://jabber.org/network/serverinfo"
	Version      = "jabber:iq:version"
)

// NodeReservedNick is the disco node at which one asks for one's reserved nick
// (XEP-0045 §7.12).
const NodeReservedNick = "x-roomuser-item"

// Software is the node of entity capabilities (XEP-0115): what a service is made with.
const Software = "https://github.com/gomuc/muc"

// NodeRequests is the ad-hoc command of a room for deciding who registers.
const NodeRequests = "registration-requests"

// What a search for rooms speaks of (XEP-0433 §6): the keys by which results are sorted,
// and a room in which everybody sees real JIDs.
const (
	SearchByUsers    = "{urn:xmpp:channel-search:0:order}nusers"
	SearchByAddress  = "{urn:xmpp:channel-search:0:order}address"
	SearchNoneHidden = "{urn:xmpp:channel-search:0:anonymity}none"
)

// PictureNodes are the PubSub nodes where clients find pictures and what else is on
// somebody's card (XEP-0084, XEP-0292).
var PictureNodes = []string{"urn:xmpp:avatar:metadata", "urn:xmpp:avatar:data", "urn:xmpp:vcard4"}

// KeyNodes are the PubSub nodes where clients find somebody's devices and keys (XEP-0384,
// in both versions that are in use). One that ends in a colon is followed by a number.
var KeyNodes = []string{"urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles", "eu.siacs.conversations.axolotl.devicelist",
	"eu.siacs.conversations.axolotl.bundles:"}

// ActivityField is how many messages an hour are sent in a room (XEP-0502).
const ActivityField = "{urn:xmpp:muc-activity}message-activity"
