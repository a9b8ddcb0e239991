package muc

import (
	"fmt"

	"github.com/gomuc/muc/internal/xmlwire"
)

// Limits bound what people can make a room hold or do. Sizes are bytes of
// canonical XML or UTF-8. A zero field has the default that its comment names.
//
// Outgoing stanzas are bounded by OutboundBytes. Of these, 8 KiB are reserved for what the
// room adds (addresses, ids, the frame of an answer from the archive), so StanzaBytes is
// lower by that much at least. If one of the two is zero it follows from the other. Limits
// under which the room could not write its own answers are an [ErrConfig].
type Limits struct {
	OutboundBytes   int // of one stanza that leaves the room, for each of its addressees: 262144
	PageBytes       int // of the items in one answer; longer lists come in pages (XEP-0059): 65536
	StanzaBytes     int // of the children of one stanza: 253952
	StanzaDepth     int // of elements in a stanza: 32
	StanzaElements  int // in one stanza: 1000
	StanzaAttrs     int // on one element, the stanza itself too: 32
	NickBytes       int // 256
	NickChars       int // code points in a nick: 64
	StatusBytes     int // of a presence status: 1024
	PresenceBytes   int // of all that a session says in its presence: 16384
	SubjectBytes    int // 4096
	BodyBytes       int // of a message body in one language: 16384
	ReasonBytes     int // of a reason for a kick, ban or destruction: 1024
	FieldBytes      int // of one value in a form, such as the description of the room: 4096
	NameBytes       int // of the room's name, and of each other short value of its configuration: 256
	Occupants       int // 20000; a room's own maxusers can only lower it
	AdminReserve    int // places beyond the maximum for admins and owners: 5
	SessionsPerNick int // 20
	NicksPerPerson  int // nicks that one person may have in the room at once: 10
	History         int // messages remembered for newcomers: 100
	HistoryBytes    int // of all of them: 262144
	Affiliations    int // people and domains remembered: 50000
	ItemsPerSet     int // in one admin request: 100
	ListItems       int // in one answer; longer lists come in pages (XEP-0059): 10000
	Absent          int // reserved nicks; where there are more, newcomers are told of nobody absent: 500
	Registrations   int // requests to register that wait for an admin: 100
	VoiceRequests   int // requests for voice within the interval between two of one visitor: 100
	Questions       int // questions to the host that are open at once: 100
	PersonQuestions int // of these, requests of one person: 10
	RateShares      int // shares of Rates, five for each person at most, that are remembered as used up: 50000
	Privates        int // private messages whose errors still find their way back: 200
	Relays          int // requests to other occupants whose answers still find their way back: 1000
	PersonRelays    int // of these, requests of one person: 100
	Invites         int // invitations that are open at once: 1000
	PersonInvites   int // of these, by one person: 50
	ArchivePage     int // messages in one answer from the archive: 100
}

// withDefaults fills in the limits that are zero.
func (l Limits) withDefaults() Limits {
	if l.OutboundBytes == 0 {
		l.OutboundBytes = max(262144, l.StanzaBytes+envelopeBytes)
	}
	if l.StanzaBytes == 0 {
		l.StanzaBytes = l.OutboundBytes - envelopeBytes
	}
	for _, f := range [...]struct {
		limit     *int
		otherwise int
	}{
		{&l.StanzaDepth, 32},
		{&l.StanzaElements, 1000},
		{&l.StanzaAttrs, 32},
		{&l.PageBytes, min(65536, l.OutboundBytes/4)},
		{&l.NickBytes, 256},
		{&l.NickChars, 64},
		{&l.StatusBytes, 1024},
		{&l.PresenceBytes, min(16384, l.StanzaBytes)},
		{&l.SubjectBytes, 4096},
		{&l.BodyBytes, 16384},
		{&l.ReasonBytes, min(1024, l.OutboundBytes/64)},
		{&l.FieldBytes, min(4096, l.OutboundBytes/64)},
		{&l.NameBytes, 256},
		{&l.Occupants, 20000},
		{&l.AdminReserve, 5},
		{&l.SessionsPerNick, 20},
		{&l.NicksPerPerson, 10},
		{&l.History, 100},
		{&l.HistoryBytes, 262144},
		{&l.Affiliations, 50000},
		{&l.ItemsPerSet, 100},
		{&l.ListItems, 10000},
		{&l.Absent, 500},
		{&l.Registrations, 100},
		{&l.VoiceRequests, 100},
		{&l.Questions, 100},
		{&l.PersonQuestions, 10},
		{&l.RateShares, 50000},
		{&l.Privates, 200},
		{&l.Relays, 1000},
		{&l.PersonRelays, 100},
		{&l.Invites, 1000},
		{&l.PersonInvites, 50},
		{&l.ArchivePage, 100},
	} {
		if *f.limit == 0 {
			*f.limit = f.otherwise
		}
	}
	return l
}

// What the room adds to bounded content.
const (
	// envelopeBytes are kept for the frame of a stanza: addresses, ids, wrappers.
	envelopeBytes = 8192
	// formMarkup is more than the configuration form takes beside its values.
	formMarkup = 16384
)

// complete fills in the zero limits, and checks that whatever people may store fits into
// OutboundBytes.
func (l Limits) complete() (Limits, error) {
	l = l.withDefaults()
	for _, need := range [...]struct {
		what  string
		bytes int
	}{
		{"StanzaBytes", l.StanzaBytes},
		{"PresenceBytes and ReasonBytes", l.PresenceBytes + xmlwire.Escaping*l.ReasonBytes},
		{"PageBytes", l.PageBytes + envelopeBytes},
		{"NickBytes and ReasonBytes", xmlwire.Escaping * (l.NickBytes + l.ReasonBytes)},
		// The reason of an invitation and its thread stand in it three times, for older
		// clients, and the password twice.
		{"ReasonBytes and NameBytes", xmlwire.Escaping * (5*l.ReasonBytes + 2*l.NameBytes)},
		{"FieldBytes, NameBytes and PageBytes", formMarkup + xmlwire.Escaping*(l.FieldBytes+3*l.NameBytes) + l.PageBytes},
	} {
		if need.bytes+envelopeBytes > l.OutboundBytes {
			return l, fmt.Errorf("%w: Limits: %s are too large for OutboundBytes, or that is too small", ErrConfig, need.what)
		}
	}
	return l, nil
}
