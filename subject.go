package muc

// isSubject reports whether a message changes the subject: it has one, and
// neither body nor thread (XEP-0045 §8.1).
func (in *stanza) isSubject() bool {
	return in.find("", "subject") != nil && in.find("", "body") == nil && in.find("", "thread") == nil
}

// changeSubject decides on a new subject: for moderators, and for participants
// where the room is configured so.
func (t *turn) changeSubject(o *occupant) *StanzaError {
	r, in := t.r, t.in
	if o.role < Moderator && !(r.st.conf.OpenSubject && o.role == Participant) {
		return refuse(Forbidden, "8.1", "you may not change the subject")
	}
	for i := range in.kids {
		if c := &in.kids[i]; c.ns == "" && c.name == "subject" && c.to-c.from > r.cfg.Limits.SubjectBytes {
			return refuse(PolicyViolation, "14.6", "the subject is too long")
		}
	}
	payload, refused := t.messagePayload()
	if refused != nil {
		return refused
	}
	m := Message{Nick: o.nick, Key: o.key, OccupantID: o.id, JID: in.from, ID: in.id, Lang: in.lang,
		StanzaID: t.newID(), Payload: payload}
	if m.ID == "" {
		m.ID = t.newID()
	}
	t.propose(&SubjectChanged{m})
	return nil
}

// renderSubject sends the subject to somebody who enters: always, even when
// there is none, because it ends the entry (XEP-0045 §7.2.15).
func (t *turn) renderSubject(to []JID) {
	r, e := t.r, t.r.st.subject
	if e == nil {
		t.send(to, r.renderMessage(&Message{Payload: emptyElement("subject")}), viewNone, nil)
		return
	}
	if e.doc.doc == nil {
		m := *e.msg
		m.Payload = subjectOnly(m.Payload)
		e.doc.doc = r.renderMessage(&m)
	}
	t.send(to, e.doc.doc, viewNone, r.late(e))
}

// subjectOnly keeps the subject elements of a payload, in all languages.
func subjectOnly(payload string) string {
	var b []byte
	for r := (xmlReader{s: payload}); !r.done(); {
		start := r.pos
		if n := r.node(""); n.ns == "" && n.name == "subject" {
			b = append(b, payload[start:r.pos]...)
		}
	}
	return string(b)
}
