package importer

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
)

// entries are the messages that are taken over, the oldest first.
func (r *taking) entries() []Entry {
	all := r.from.Archive.Entries
	if len(all) == 0 {
		return nil
	}
	switch {
	case !r.config.Archive:
		r.leaveMessages(len(all), "no archive is kept")
		return nil
	case r.from.Config.NoArchive:
		r.leaveMessages(len(all), "the archive of the room is switched off")
		return nil
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(a.At, b.At) })
	at := func(when int64) int {
		n, _ := slices.BinarySearchFunc(all, when, func(e Entry, when int64) int { return cmp.Compare(e.At, when) })
		return n
	}
	from, to := 0, at(r.now.UnixMilli())
	if !r.options.Since.IsZero() {
		from = min(at(r.options.Since.UnixMilli()), to)
	}
	r.leaveMessages(len(all)-to, "from the future")
	r.leaveMessages(from, "older than they are kept")
	if much := to - from - r.options.Messages; much > 0 {
		r.leaveMessages(much, "the oldest of too many in one room")
		from += much
	}
	return all[from:to]
}

// leaveMessages notes that messages are not taken over.
func (r *taking) leaveMessages(n int, why string) {
	if n > 0 {
		r.leave("messages left out: %d (%s)", n, why)
	}
}

// recall takes over messages, and the subject in its place between them.
func (r *taking) recall(ctx context.Context, entries []Entry) error {
	left := map[string]int{}
	set := r.from.Subject.At
	for _, e := range entries {
		at := time.UnixMilli(e.At)
		if !set.IsZero() && set.Before(at) {
			if err := r.setSubject(ctx, set); err != nil {
				return err
			}
			set = time.Time{}
		}
		r.at = at
		m, err := r.from.Archive.Read(e)
		why := ""
		if err != nil {
			why = "unreadable"
		} else if why, err = r.say(ctx, m); err != nil {
			return err
		}
		if why != "" {
			left[why]++
		}
	}
	for _, why := range slices.Sorted(maps.Keys(left)) {
		r.leaveMessages(left[why], why)
	}
	return r.setSubject(ctx, set)
}

// say takes over a message.
func (r *taking) say(ctx context.Context, m Message) (why string, err error) {
	if r.ids[m.StanzaID] {
		return "with the id of another message", nil
	}
	cmd := muc.ImportMessage{Message: m.Message, Nick: m.Nick, StanzaID: m.StanzaID}
	if cmd.JID, err = muc.ParseJID(m.JID); err != nil {
		cmd.JID = muc.JID{} // it is shown under its nick
	}
	if why, err = r.try(ctx, cmd); why != "" || err != nil {
		return why, err
	}
	r.messages++
	if m.StanzaID != "" {
		r.ids[m.StanzaID] = true
	}
	if subject := m.Message.SelectElement("subject"); subject != nil && m.Message.SelectElement("body") == nil && m.Message.SelectElement("thread") == nil {
		r.subject = subject.Text()
	}
	return "", nil
}

// setSubject sets the subject, if it is another one by now.
func (r *taking) setSubject(ctx context.Context, at time.Time) error {
	s := &r.from.Subject
	if s.Text == r.subject {
		return nil
	}
	if at.After(r.at) && at.Before(r.now) {
		r.at = at
	}
	el := etree.NewElement("message")
	el.CreateElement("subject").SetText(s.Text)
	cmd := muc.ImportMessage{Message: el, Nick: s.Nick}
	why, err := r.try(ctx, cmd)
	if why != "" && s.Nick != "" {
		cmd.Nick = "" // who set it is worth less
		why, err = r.try(ctx, cmd)
	}
	if why != "" {
		r.leave("its subject: %s", why)
	}
	r.subject = s.Text
	return err
}
