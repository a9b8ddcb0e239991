package muc

// The fields of each body in binary. A number stays with its field for ever: a new
// field gets a new number, after all others, and that of one which is gone is not
// used again.

var (
	storedAffiliations = []Affiliation{None, Member, Admin, Owner, Outcast}
	storedRoles        = []Role{NoRole, Visitor, Participant, Moderator}
	storedWhois        = []Whois{WhoisModerators, WhoisAnyone}
	storedAllowPMs     = []AllowPM{PMAnyone, PMParticipants, PMModerators, PMNone, PMAffiliated}
)

func (b *Created) fields(c *codec) {
	c.jid(1, &b.Room)
	c.jid(2, &b.Creator)
	c.str(3, &b.KeyPrint)
	c.stamp(4, &b.LockedUntil)
	c.nest(5, false, b.Config.fields)
}

func (*Unlocked) fields(*codec) {}

func (b *Configured) fields(c *codec) {
	list(c, 1, &b.Changes, func(c *codec, v *ConfigChange) { v.fields(c) })
	c.nest(2, false, b.Actor.fields)
}

func (b *AffiliationChanged) fields(c *codec) {
	c.jid(1, &b.JID)
	enum(c, 2, &b.Old, storedAffiliations)
	enum(c, 3, &b.New, storedAffiliations)
	c.str(4, &b.Reason)
	c.nest(5, false, b.Actor.fields)
}

func (b *Registered) fields(c *codec) {
	c.jid(1, &b.JID)
	c.str(2, &b.Nick)
	c.str(3, &b.Key)
	list(c, 4, &b.Answers, func(c *codec, v *FieldValue) { v.fields(c) })
}

func (b *Deregistered) fields(c *codec) {
	c.jid(1, &b.JID)
}

func (b *RegistrationRequested) fields(c *codec) {
	c.jid(1, &b.JID)
	c.str(2, &b.Nick)
	c.str(3, &b.Key)
	list(c, 4, &b.Answers, func(c *codec, v *FieldValue) { v.fields(c) })
	c.stamp(5, &b.Deadline)
}

func (b *RegistrationClosed) fields(c *codec) {
	c.jid(1, &b.JID)
	stringField(c, 2, &b.How)
	c.nest(3, false, b.Actor.fields)
}

func (b *VoiceStored) fields(c *codec) {
	c.jid(1, &b.JID)
	enum(c, 2, &b.Role, storedRoles)
}

func (b *MessageRetracted) fields(c *codec) {
	c.str(1, &b.StanzaID)
	c.str(2, &b.OccupantID)
	c.str(3, &b.Nick)
	c.jid(4, &b.JID)
	c.str(5, &b.ID)
}

func (b *RoomDestroyed) fields(c *codec) {
	c.str(1, &b.Reason)
	c.jid(2, &b.Alternate)
	c.str(3, &b.Password)
	c.bool(4, &b.Tombstone)
	c.nest(5, false, b.Actor.fields)
}

func (b *Joined) fields(c *codec) {
	c.uint32(1, &b.Occupant)
	c.uint32(2, &b.Session)
	c.jid(3, &b.JID)
	c.str(4, &b.Nick)
	c.str(5, &b.Key)
	c.str(6, &b.OccupantID)
	enum(c, 7, &b.Role, storedRoles)
	c.bool(8, &b.Vouched)
	c.str(9, &b.Lang)
	c.payload(10, &b.Payload)
}

func (b *PresenceChanged) fields(c *codec) {
	c.uint32(1, &b.Occupant)
	c.jid(2, &b.JID)
	c.str(3, &b.Lang)
	c.payload(4, &b.Payload)
}

func (b *Renamed) fields(c *codec) {
	c.jid(1, &b.JID)
	c.uint32(2, &b.From)
	c.uint32(3, &b.Occupant)
	c.str(4, &b.Old)
	enum(c, 5, &b.Role, storedRoles)
	c.bool(6, &b.Front)
	c.str(7, &b.Nick)
	c.str(8, &b.Key)
	c.str(9, &b.Lang)
	c.payload(10, &b.Payload)
	c.bool(11, &b.Assigned)
}

func (b *RoleChanged) fields(c *codec) {
	c.uint32(1, &b.Occupant)
	enum(c, 2, &b.Old, storedRoles)
	enum(c, 3, &b.New, storedRoles)
	c.str(4, &b.Reason)
	c.nest(5, false, b.Actor.fields)
}

func (b *Left) fields(c *codec) {
	c.uint32(1, &b.Occupant)
	c.uint32(2, &b.Session)
	c.jid(3, &b.JID)
	c.str(4, &b.Nick)
	c.str(5, &b.OccupantID)
	enum(c, 6, &b.Affiliation, storedAffiliations)
	enum(c, 7, &b.Role, storedRoles)
	stringField(c, 8, &b.How)
	c.bool(9, &b.Last)
	c.bool(10, &b.Front)
	c.str(11, &b.Lang)
	c.payload(12, &b.Payload)
}

func (b *Removed) fields(c *codec) {
	c.uint32(1, &b.Occupant)
	c.jid(2, &b.JID)
	list(c, 3, &b.JIDs, func(c *codec, v *JID) { c.jid(1, v) })
	c.str(4, &b.Nick)
	c.str(5, &b.OccupantID)
	enum(c, 6, &b.Affiliation, storedAffiliations)
	enum(c, 7, &b.Role, storedRoles)
	stringField(c, 8, &b.Cause)
	c.str(9, &b.Reason)
	c.nest(10, false, b.Actor.fields)
}

func (b *VoiceRequested) fields(c *codec) {
	c.str(1, &b.ID)
	c.uint32(2, &b.Occupant)
	c.jid(3, &b.JID)
	c.str(4, &b.Nick)
}

func (b *PrivateSent) fields(c *codec) {
	c.uint32(1, &b.Session)
	c.uint32(2, &b.Occupant)
	c.str(3, &b.ID)
}

func (b *PrivateBounced) fields(c *codec) {
	c.uint32(1, &b.Session)
	c.uint32(2, &b.Occupant)
	c.str(3, &b.ID)
}

func (b *RateSpent) fields(c *codec) {
	c.jid(1, &b.JID)
	stringField(c, 2, &b.Kind)
	c.stamp(3, &b.Until)
}

func (b *InviteSent) fields(c *codec) {
	c.jid(1, &b.Invitee)
	c.jid(2, &b.Inviter)
	c.jid(3, &b.From)
	c.stamp(4, &b.Expires)
}

func (b *InviteUsed) fields(c *codec) {
	c.jid(1, &b.Invitee)
	c.jid(2, &b.Inviter)
	c.bool(3, &b.Declined)
}

func (b *InviteExpired) fields(c *codec) {
	c.jid(1, &b.Invitee)
	c.jid(2, &b.Inviter)
}

func (b *Asked) fields(c *codec) {
	c.str(1, &b.ID)
	c.jid(2, &b.JID)
	c.str(3, &b.IQ)
	c.stamp(4, &b.Deadline)
	if c.mode == codecReads && c.at(5, kindBytes) {
		b.Join = new(WaitingJoin)
	}
	if b.Join != nil {
		c.nest(5, true, b.Join.fields)
	}
	c.payload(6, &b.Archive)
}

func (b *Answered) fields(c *codec) {
	c.str(1, &b.ID)
	c.jid(2, &b.JID)
	c.str(3, &b.IQ)
	c.str(4, &b.Nick)
	c.payload(5, &b.Payload)
	stringField(c, 6, &b.Condition)
	stringField(c, 7, &b.Type)
	c.str(8, &b.Text)
}

func (b *Message) fields(c *codec) {
	c.whole()
	c.str(1, &b.Nick)
	c.str(2, &b.Key)
	c.str(3, &b.OccupantID)
	c.jid(4, &b.JID)
	c.str(5, &b.StanzaID)
	c.str(6, &b.ID)
	c.str(7, &b.Lang)
	c.payload(8, &b.Payload)
}

func (b *WaitingJoin) fields(c *codec) {
	c.str(1, &b.Nick)
	c.str(2, &b.Lang)
	c.payload(3, &b.Payload)
}

func (b *Actor) fields(c *codec) {
	c.jid(1, &b.JID)
	c.str(2, &b.Nick)
}

func (b *ConfigChange) fields(c *codec) {
	c.str(1, &b.Var)
	list(c, 2, &b.Old, func(c *codec, v *string) { c.str(1, v) })
	list(c, 3, &b.New, func(c *codec, v *string) { c.str(1, v) })
}

func (b *FieldValue) fields(c *codec) {
	c.str(1, &b.Var)
	list(c, 2, &b.Values, func(c *codec, v *string) { c.str(1, v) })
}

func (b *RoomConfig) fields(c *codec) {
	c.str(1, &b.Name)
	c.str(2, &b.Description)
	c.str(3, &b.Lang)
	c.bool(4, &b.Persistent)
	c.bool(5, &b.Hidden)
	c.bool(6, &b.ListOccupants)
	c.bool(7, &b.MembersOnly)
	c.bool(8, &b.Moderated)
	c.str(9, &b.Password)
	c.int(10, &b.MaxUsers)
	enum(c, 11, &b.Whois, storedWhois)
	c.bool(12, &b.OpenSubject)
	c.bool(13, &b.AllowInvites)
	enum(c, 14, &b.AllowPM, storedAllowPMs)
	c.bool(15, &b.ModeratorPM)
	c.roles(16, &b.HiddenRoles)
	c.bool(17, &b.ShowAbsent)
	c.roles(18, &b.MemberList)
	c.int(19, &b.History)
	c.bool(20, &b.Logging)
	c.bool(21, &b.NoArchive)
	c.bool(22, &b.NoVisitorNickChange)
	c.bool(23, &b.NoQueries)
	c.bool(24, &b.NoVoiceRequests)
	c.int(25, &b.VoiceInterval)
	c.bool(26, &b.NoVisitorStatus)
}
