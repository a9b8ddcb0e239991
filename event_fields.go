package muc

// The fields of each body: the number in binary, and the name in JSON, where a ? says
// that it is left out if it is empty. Both stay with their field for ever: a new field
// gets a new number, after all others, and those of one which is gone are not used
// again. In JSON fields stand in this order.

var (
	storedAffiliations = []Affiliation{None, Member, Admin, Owner, Outcast}
	storedRoles        = []Role{NoRole, Visitor, Participant, Moderator}
	storedWhois        = []Whois{WhoisModerators, WhoisAnyone}
	storedAllowPMs     = []AllowPM{PMAnyone, PMParticipants, PMModerators, PMNone, PMAffiliated}
)

func (b *Created) fields(c *codec) {
	c.jid(1, "room", &b.Room)
	c.jid(2, "creator", &b.Creator)
	c.str(3, "keyprint", &b.KeyPrint)
	c.stamp(4, "locked_until?", &b.LockedUntil)
	c.nest(5, "config", b.Config.fields)
}

func (*Unlocked) fields(*codec) {}

func (b *Configured) fields(c *codec) {
	list(c, 1, "changes", &b.Changes, (*ConfigChange).fields)
	c.nest(2, "actor?", b.Actor.fields)
}

func (b *AffiliationChanged) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	enum(c, 2, "old", &b.Old, storedAffiliations)
	enum(c, 3, "new", &b.New, storedAffiliations)
	c.str(4, "reason?", &b.Reason)
	c.nest(5, "actor?", b.Actor.fields)
}

func (b *Registered) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	c.str(2, "nick", &b.Nick)
	c.str(3, "key", &b.Key)
	list(c, 4, "answers?", &b.Answers, (*FieldValue).fields)
}

func (b *Deregistered) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
}

func (b *RegistrationRequested) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	c.str(2, "nick", &b.Nick)
	c.str(3, "key", &b.Key)
	list(c, 4, "answers?", &b.Answers, (*FieldValue).fields)
	c.stamp(5, "deadline?", &b.Deadline)
}

func (b *RegistrationClosed) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	stringField(c, 2, "how", &b.How)
	c.nest(3, "actor?", b.Actor.fields)
}

func (b *VoiceStored) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	enum(c, 2, "role", &b.Role, storedRoles)
}

func (b *MessageRetracted) fields(c *codec) {
	c.str(1, "stanza_id", &b.StanzaID)
	c.str(2, "occupant_id", &b.OccupantID)
	c.str(3, "nick", &b.Nick)
	c.jid(4, "jid", &b.JID)
	c.str(5, "id", &b.ID)
	c.str(6, "named?", &b.Named)
}

func (b *RoomDestroyed) fields(c *codec) {
	c.str(1, "reason?", &b.Reason)
	c.jid(2, "alternate?", &b.Alternate)
	c.str(3, "password?", &b.Password)
	c.bool(4, "tombstone?", &b.Tombstone)
	c.nest(5, "actor?", b.Actor.fields)
}

func (b *Joined) fields(c *codec) {
	c.uint32(1, "occupant", &b.Occupant)
	c.uint32(2, "session", &b.Session)
	c.jid(3, "jid", &b.JID) // has its own memory: the person may be remembered when all else is forgotten
	c.little(len(`"nick":"","key":"","occupant_id":"","role":"none"}}`))
	c.str(4, "nick", &b.Nick)
	c.str(5, "key", &b.Key)
	c.str(6, "occupant_id", &b.OccupantID)
	enum(c, 7, "role", &b.Role, storedRoles)
	c.bool(8, "vouched?", &b.Vouched)
	c.str(9, "lang?", &b.Lang)
	c.payload(10, "payload?", &b.Payload)
}

func (b *PresenceChanged) fields(c *codec) {
	c.uint32(1, "occupant?", &b.Occupant)
	c.jid(2, "jid", &b.JID)
	c.str(3, "lang?", &b.Lang)
	c.payload(4, "payload?", &b.Payload)
}

func (b *Renamed) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	c.uint32(2, "from", &b.From)
	c.uint32(3, "occupant", &b.Occupant)
	c.str(4, "old", &b.Old)
	enum(c, 5, "role", &b.Role, storedRoles)
	c.bool(6, "front", &b.Front)
	c.str(7, "nick", &b.Nick)
	c.str(8, "key", &b.Key)
	c.str(9, "lang?", &b.Lang)
	c.payload(10, "payload?", &b.Payload)
	c.bool(11, "assigned?", &b.Assigned)
}

func (b *RoleChanged) fields(c *codec) {
	c.uint32(1, "occupant", &b.Occupant)
	enum(c, 2, "old", &b.Old, storedRoles)
	enum(c, 3, "new", &b.New, storedRoles)
	c.str(4, "reason?", &b.Reason)
	c.nest(5, "actor?", b.Actor.fields)
}

func (b *Left) fields(c *codec) {
	c.whole(len(`"occupant":1,"session":1,"jid":"","nick":"","occupant_id":"","affiliation":"none","role":"none","last":true,"front":true}}`))
	c.uint32(1, "occupant", &b.Occupant)
	c.uint32(2, "session", &b.Session)
	c.jid(3, "jid", &b.JID)
	c.str(4, "nick", &b.Nick)
	c.str(5, "occupant_id", &b.OccupantID)
	enum(c, 6, "affiliation", &b.Affiliation, storedAffiliations)
	enum(c, 7, "role", &b.Role, storedRoles)
	stringField(c, 8, "how?", &b.How)
	c.bool(9, "last", &b.Last)
	c.bool(10, "front", &b.Front)
	c.str(11, "lang?", &b.Lang)
	c.payload(12, "payload?", &b.Payload)
}

func (b *Removed) fields(c *codec) {
	c.uint32(1, "occupant", &b.Occupant)
	c.jid(2, "jid", &b.JID)
	values(c, 3, "jids", &b.JIDs, (*codec).jid)
	c.str(4, "nick", &b.Nick)
	c.str(5, "occupant_id", &b.OccupantID)
	enum(c, 6, "affiliation", &b.Affiliation, storedAffiliations)
	enum(c, 7, "role", &b.Role, storedRoles)
	stringField(c, 8, "cause", &b.Cause)
	c.str(9, "reason?", &b.Reason)
	c.nest(10, "actor?", b.Actor.fields)
}

func (b *VoiceRequested) fields(c *codec) {
	c.str(1, "id", &b.ID)
	c.uint32(2, "occupant", &b.Occupant)
	c.jid(3, "jid", &b.JID)
	c.str(4, "nick", &b.Nick)
	c.stamp(5, "now?", &b.Now)
}

func (b *PrivateSent) fields(c *codec) {
	c.uint32(1, "session", &b.Session)
	c.uint32(2, "occupant", &b.Occupant)
	c.str(3, "id?", &b.ID)
}

func (b *PrivateBounced) fields(c *codec) {
	c.uint32(1, "session", &b.Session)
	c.uint32(2, "occupant", &b.Occupant)
	c.str(3, "id?", &b.ID)
}

func (b *RelaySent) fields(c *codec) {
	c.uint32(1, "session", &b.Session)
	c.jid(2, "jid", &b.JID)
	c.str(3, "way", &b.Way)
	c.stamp(4, "now?", &b.Now)
}

func (b *RelayAnswered) fields(c *codec) {
	c.uint32(1, "session", &b.Session)
	c.str(2, "way", &b.Way)
}

func (b *RateSpent) fields(c *codec) {
	c.jid(1, "jid", &b.JID)
	stringField(c, 2, "kind", &b.Kind)
	c.stamp(3, "until", &b.Until)
	c.stamp(4, "now?", &b.Now)
}

func (b *InviteSent) fields(c *codec) {
	c.jid(1, "invitee", &b.Invitee)
	c.jid(2, "inviter?", &b.Inviter)
	c.jid(3, "from", &b.From)
	c.stamp(4, "expires", &b.Expires)
}

func (b *InviteUsed) fields(c *codec) {
	c.jid(1, "invitee", &b.Invitee)
	c.jid(2, "inviter?", &b.Inviter)
	c.bool(3, "declined?", &b.Declined)
}

func (b *InviteExpired) fields(c *codec) {
	c.jid(1, "invitee", &b.Invitee)
	c.jid(2, "inviter?", &b.Inviter)
}

func (b *Asked) fields(c *codec) {
	c.str(1, "id", &b.ID)
	c.jid(2, "jid", &b.JID)
	c.str(3, "iq?", &b.IQ)
	c.stamp(4, "deadline", &b.Deadline)
	optional(c, 5, "join?", &b.Join, (*WaitingJoin).fields)
	c.payload(6, "archive?", &b.Archive)
}

func (b *Answered) fields(c *codec) {
	c.str(1, "id", &b.ID)
	c.jid(2, "jid", &b.JID)
	c.str(3, "iq?", &b.IQ)
	c.str(4, "nick?", &b.Nick)
	c.payload(5, "payload?", &b.Payload)
	stringField(c, 6, "condition?", &b.Condition)
	stringField(c, 7, "type?", &b.Type)
	c.str(8, "text?", &b.Text)
}

func (b *Message) fields(c *codec) {
	c.whole(len(`{"nick":"","key":"","occupant_id":"","jid":"","stanza_id":"","id":"","payload":""}`))
	c.str(1, "nick?", &b.Nick)
	c.str(2, "key?", &b.Key)
	c.str(3, "occupant_id?", &b.OccupantID)
	c.jid(4, "jid?", &b.JID)
	c.str(5, "stanza_id", &b.StanzaID)
	c.str(6, "id?", &b.ID)
	c.str(7, "lang?", &b.Lang)
	c.payload(8, "payload?", &b.Payload)
}

func (b *WaitingJoin) fields(c *codec) {
	c.str(1, "nick", &b.Nick)
	c.str(2, "lang?", &b.Lang)
	c.payload(3, "payload", &b.Payload)
}

func (b *Actor) fields(c *codec) {
	c.jid(1, "jid?", &b.JID)
	c.str(2, "nick?", &b.Nick)
}

func (b *ConfigChange) fields(c *codec) {
	c.str(1, "var", &b.Var)
	values(c, 2, "old", &b.Old, (*codec).str)
	values(c, 3, "new", &b.New, (*codec).str)
}

func (b *FieldValue) fields(c *codec) {
	c.str(1, "var", &b.Var)
	values(c, 2, "values", &b.Values, (*codec).str)
}

func (b *RoomConfig) fields(c *codec) {
	c.str(1, "name?", &b.Name)
	c.str(2, "description?", &b.Description)
	c.str(3, "lang?", &b.Lang)
	c.bool(4, "persistent?", &b.Persistent)
	c.bool(5, "hidden?", &b.Hidden)
	c.bool(6, "list_occupants?", &b.ListOccupants)
	c.bool(7, "members_only?", &b.MembersOnly)
	c.bool(8, "moderated?", &b.Moderated)
	c.str(9, "password?", &b.Password)
	c.int(10, "max_users?", &b.MaxUsers)
	enum(c, 11, "whois?", &b.Whois, storedWhois)
	c.bool(12, "open_subject?", &b.OpenSubject)
	c.bool(13, "allow_invites?", &b.AllowInvites)
	enum(c, 14, "allow_pm?", &b.AllowPM, storedAllowPMs)
	c.bool(15, "moderator_pm?", &b.ModeratorPM)
	c.roles(16, "hidden_roles?", &b.HiddenRoles)
	c.bool(17, "show_absent?", &b.ShowAbsent)
	c.roles(18, "member_list?", &b.MemberList)
	c.int(19, "history?", &b.History)
	c.bool(20, "logging?", &b.Logging)
	c.bool(21, "no_archive?", &b.NoArchive)
	c.bool(22, "no_visitor_nick_change?", &b.NoVisitorNickChange)
	c.bool(23, "no_queries?", &b.NoQueries)
	c.bool(24, "no_voice_requests?", &b.NoVoiceRequests)
	c.int(25, "voice_interval?", &b.VoiceInterval)
	c.bool(26, "no_visitor_status?", &b.NoVisitorStatus)
}
