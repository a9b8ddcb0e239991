package muc

import "github.com/gomuc/muc/event"

// The host's policies: what they are told, and the only places where they are asked.
// Many rooms share one Config, so each is told here which room asks.

// judge asks a policy, if there is one.
func judge[Q any](policy func(Q) *StanzaError, q Q) *StanzaError {
	if policy == nil {
		return nil
	}
	return policy(q)
}

// AffiliationRequest is what Config.MayAffiliate judges.
type AffiliationRequest struct {
	Room     JID
	Actor    JID // who asks: full, if by a stanza
	JID      JID // whose affiliation: a bare JID, or a domain
	Old, New Affiliation
}

func (r *Room) hostOnAffiliation(q AffiliationRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayAffiliate, q)
}

// CreateRequest is what Config.MayCreate judges.
type CreateRequest struct {
	Room    JID
	Creator JID // full, or bare for another server
}

func (r *Room) hostOnCreation(q CreateRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayCreate, q)
}

// ConfigRequest is what Config.MayConfigure judges. JID is the owner's.
type ConfigRequest struct {
	Room     JID
	JID      JID
	Old, New RoomConfig
}

func (r *Room) hostOnConfig(q ConfigRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayConfigure, q)
}

// DiscoRequest is what Config.MayDiscover judges.
type DiscoRequest struct {
	Room        JID
	JID         JID // full, or bare for another server
	Affiliation Affiliation
	Config      RoomConfig
}

func (r *Room) hostOnDisco(q DiscoRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayDiscover, q)
}

// JoinRequest is what Config.MayJoin and Config.AsksJoin judge.
type JoinRequest struct {
	Room        JID
	JID         JID // full
	Nick        string
	Affiliation Affiliation
}

func (r *Room) hostOnJoin(q JoinRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayJoin, q)
}

// hostDecides reports whether a join waits for the host's own decision.
func (r *Room) hostDecides(q JoinRequest) bool {
	q.Room = r.jid
	return r.cfg.AsksJoin != nil && r.cfg.AsksJoin(q)
}

// ArchiveRequest is what Config.MayReadArchive judges. Nick and Role are empty for
// somebody who is not inside.
type ArchiveRequest struct {
	Room        JID
	JID         JID // full, or bare for another server
	Nick        string
	Role        Role
	Affiliation Affiliation
}

func (r *Room) hostOnArchive(q ArchiveRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayReadArchive, q)
}

// AskRequest is what Config.MayAsk judges. Archive tells a query of the archive from
// other requests.
type AskRequest struct {
	Room    JID
	JID     JID // full, or bare for another server
	Archive bool
}

func (r *Room) hostOnAsk(q AskRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayAsk, q)
}

// InviteRequest is what Config.MayInvite judges. Nick is empty for somebody who is
// not inside.
type InviteRequest struct {
	Room        JID
	JID         JID // full
	Nick        string
	Role        Role
	Affiliation Affiliation
	Invitee     JID
	Reason      string
}

func (r *Room) hostOnInvite(a *sender, inv *Invitation) *StanzaError {
	if a.host {
		return nil
	}
	return judge(r.cfg.MayInvite, InviteRequest{Room: r.jid, JID: a.jid, Nick: a.nick, Role: a.role, Affiliation: a.aff,
		Invitee: inv.To, Reason: inv.Reason})
}

// manyNicks reports whether the host trusts somebody with any number of nicks.
func (r *Room) manyNicks(bare JID) bool { return r.cfg.ManyNicks != nil && r.cfg.ManyNicks(bare) }

// RegisterRequest is what Config.MayRegister judges.
type RegisterRequest struct {
	Room        JID
	JID         JID // bare
	Affiliation Affiliation
	// Nick is the nick wanted, empty for somebody who only asks for the form.
	Nick string
	// Answers are the fields of Config.RegistrationFields that were filled in.
	Answers []event.FieldValue
}

func (r *Room) hostOnRegistration(q RegisterRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MayRegister, q)
}

// SpeakRequest is what Config.MaySpeak judges. Payload is the message's child
// elements as canonical XML.
type SpeakRequest struct {
	Room    JID
	JID     JID // full
	Nick    string
	Role    Role
	Payload string
}

func (r *Room) hostOnSpeech(q SpeakRequest) *StanzaError {
	q.Room = r.jid
	return judge(r.cfg.MaySpeak, q)
}
