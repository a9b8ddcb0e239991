package muc

// The fields of a snapshot and its parts, as in event_fields.go. A snapshot has no
// binary form, so they have no numbers.

func (x *snapshot) fields(c *codec) {
	c.int(0, "v", &x.Version)
	c.str(0, "kind", &x.Kind)
	c.jid(0, "room", &x.Room)
	c.str(0, "keyprint?", &x.KeyPrint)
	c.uint(0, "seq", &x.Seq)
	c.uint(0, "sub?", &x.Sub)
	c.stamp(0, "at?", &x.At)
	c.stamp(0, "durable_at?", &x.DurableAt)
	c.str(0, "life", &x.Life)
	c.jid(0, "creator?", &x.Creator)
	c.stamp(0, "locked_until?", &x.LockedUntil)
	c.nest(0, "config", x.Config.fields)
	list(c, 0, "persons?", &x.Persons, (*personShot).fields)
	pointers(c, "requests?", &x.Requests, (*RegistrationRequested).fields)
	optional(c, 0, "subject?", &x.Subject, (*entryShot).fields)
	list(c, 0, "archived?", &x.Archived, (*entryShot).fields)
	optional(c, 0, "end?", &x.End, (*RoomDestroyed).fields)
	list(c, 0, "kept?", &x.Kept, (*entryShot).fields)
	list(c, 0, "occupants?", &x.Occupants, (*occupantShot).fields)
	c.uint32(0, "last_occupant?", &x.LastOccupant)
	c.uint32(0, "last_session?", &x.LastSession)
	list(c, 0, "voice_asked?", &x.VoiceAsked, (*voiceShot).fields)
	pointers(c, "invites?", &x.Invites, (*InviteSent).fields)
	pointers(c, "asks?", &x.Asks, (*Asked).fields)
	list(c, 0, "privates?", &x.Privates, (*privateShot).fields)
	c.stamp(0, "clock?", &x.Clock)
	list(c, 0, "spent?", &x.Spent, (*spentShot).fields)
	list(c, 0, "relays?", &x.Relays, (*relayShot).fields)
}

func (x *personShot) fields(c *codec) {
	c.jid(0, "jid", &x.JID)
	enum(c, 0, "affiliation", &x.Affiliation, storedAffiliations)
	c.str(0, "reason?", &x.Reason)
	enum(c, 0, "voice?", &x.Voice, storedRoles)
	c.str(0, "nick?", &x.Nick)
	c.str(0, "key?", &x.Key)
}

func (x *voiceShot) fields(c *codec) {
	c.jid(0, "jid", &x.JID)
	c.stamp(0, "time", &x.Time)
}

func (x *entryShot) fields(c *codec) {
	c.uint(0, "seq", &x.Seq)
	c.uint(0, "sub?", &x.Sub)
	c.stamp(0, "time", &x.Time)
	x.Message.fields(c)
}

func (x *occupantShot) fields(c *codec) {
	c.uint32(0, "number", &x.Number)
	c.jid(0, "jid", &x.JID)
	c.str(0, "nick", &x.Nick)
	c.str(0, "key", &x.Key)
	c.str(0, "occupant_id", &x.OccupantID)
	enum(c, 0, "role", &x.Role, storedRoles)
	c.bool(0, "vouched?", &x.Vouched)
	optional(c, 0, "puppet?", &x.Puppet, (*sessionShot).fields)
	list(c, 0, "sessions?", &x.Sessions, (*sessionShot).fields)
}

func (x *sessionShot) fields(c *codec) {
	c.uint32(0, "number", &x.Number)
	c.uint32(0, "spoke?", &x.Spoke)
	c.jid(0, "jid", &x.JID)
	c.str(0, "lang?", &x.Lang)
	c.payload(0, "payload?", &x.Payload)
}

func (x *privateShot) fields(c *codec) {
	c.uint32(0, "session", &x.Session)
	c.uint32(0, "occupant", &x.Occupant)
	c.str(0, "id?", &x.ID)
}

func (x *relayShot) fields(c *codec) {
	c.uint32(0, "session", &x.Session)
	c.jid(0, "jid", &x.JID)
	c.stamp(0, "time", &x.Time)
	c.str(0, "way", &x.Way)
}

func (x *spentShot) fields(c *codec) {
	c.jid(0, "jid", &x.JID)
	stringField(c, 0, "kind", &x.Kind)
	c.stamp(0, "until", &x.Until)
}

// pointers is a list of bodies. One that is null stays nil.
func pointers[T any](c *codec, name string, p *[]*T, fields func(p *T, c *codec)) {
	list(c, 0, name, p, func(v **T, c *codec) {
		if *v == nil {
			*v = new(T)
		}
		fields(*v, c)
	})
}
