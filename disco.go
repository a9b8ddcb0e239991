package muc

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/roomconfig"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Room information (XEP-0045 §6.4, §6.5, §7.12, §16.5.4), and its activity (XEP-0502).

// discoInfo answers a disco#info query of the room or of one of its nodes (XEP-0045 §6.4,
// XEP-0030).
func (t *step) discoInfo() *StanzaError {
	if e := t.mayDiscover(); e != nil {
		return e
	}
	node, _ := t.query().Attr("node")
	switch node {
	case "":
		t.answer(t.writeRoomInfo)
	case ns.NodeReservedNick:
		return t.reservedNickInfo()
	case ns.Traffic:
		return refuse(stanza.ServiceUnavailable, "18.1.1", "this room filters no traffic")
	default:
		return t.commandInfo(node)
	}
	return nil
}

// mayDiscover asks the host whether somebody outside may look at the room.
func (t *step) mayDiscover() *StanzaError {
	if t.sender.session != nil {
		return nil
	}
	return judge(t.r.cfg.Policy.Discover, policy.Discover{Room: t.r.jid, JID: t.in.from, Affiliation: t.sender.aff, Config: *t.r.st.Config()})
}

// featurePairs are the features of which a room has one each (XEP-0045 §6.4, §16.3).
var featurePairs = []struct {
	is      func(c *RoomConfig) bool
	yes, no string
}{
	{func(c *RoomConfig) bool { return c.Hidden }, "muc_hidden", "muc_public"},
	{func(c *RoomConfig) bool { return c.MembersOnly }, "muc_membersonly", "muc_open"},
	{func(c *RoomConfig) bool { return c.Moderated }, "muc_moderated", "muc_unmoderated"},
	{func(c *RoomConfig) bool { return c.Whois == WhoisAnyone }, "muc_nonanonymous", "muc_semianonymous"},
	{func(c *RoomConfig) bool { return c.Password != "" }, "muc_passwordprotected", "muc_unsecured"},
	{func(c *RoomConfig) bool { return c.Persistent }, "muc_persistent", "muc_temporary"},
}

// features are what rooms can do; offers says which of them this one does.
var features = []string{ns.DiscoInfo, ns.DiscoItems, ns.MUC, ns.StableID, ns.SelfPing, ns.MAV, ns.Request, ns.Register, ns.OccupantID, ns.SID, ns.Retract, ns.Moderate, ns.OldModerate,
	ns.Ping, ns.VCard, ns.RSM, ns.MAM, ns.MAMExtended, ns.Tombstone, ns.Mentions, ns.Commands, ns.Hats}

func (t *step) writeRoomInfo(w *xmlwire.Writer) {
	r := t.r
	c := r.st.Config()
	w.Start("query", ns.DiscoInfo)
	w.Empty("identity", "", "category", "conference", "type", "text", "name", cmp.Or(c.Name, r.jid.PlainLocal()))
	for _, f := range features {
		if r.offers(f) {
			feature(w, f)
		}
	}
	for _, pair := range featurePairs {
		has := pair.no
		if pair.is(c) {
			has = pair.yes
		}
		feature(w, has)
	}
	form.Write(w, "result", ns.RoomInfo, "", t.roomInfo())
	w.End()
}

// offers reports whether the room has a feature that can be configured away.
func (r *Room) offers(feature string) bool {
	switch feature {
	case ns.Request:
		return !r.st.Config().NoVoiceRequests
	case ns.Register:
		return r.cfg.Registration != RegistrationNone
	case ns.Mentions:
		return r.forwardsMentions()
	case ns.MAM, ns.MAMExtended, ns.Tombstone:
		return r.archives()
	}
	return true
}

func feature(w *xmlwire.Writer, name string) { w.Empty("feature", "", "var", name) }

// ownInfo are the fields of muc#roominfo that the room fills in, and the host must not.
var ownInfo = []string{"FORM_TYPE", fieldHatHash, "muc#maxhistoryfetch", "muc#roominfo_description", "muc#roominfo_lang",
	"muc#roominfo_occupants", "muc#roominfo_subject", "muc#roominfo_subjectmod", avatarField, slowModeField}

// roomInfo is the extended information about a room (XEP-0045 §6.4, §16.5.4).
func (t *step) roomInfo() (fields []form.Field) {
	r := t.r
	c := r.st.Config()
	add := func(shown bool, name, typ, label, value string) {
		if shown {
			fields = append(fields, form.Field{Name: name, Type: typ, Label: label, Values: []string{value}})
		}
	}
	add(true, "muc#roominfo_description", "text-single", "Description", c.Description)
	add(true, "muc#roominfo_occupants", "text-single", "Number of occupants", strconv.Itoa(len(r.st.Occupants())))
	subject, _ := r.Subject()
	add(hears(&r.st, &t.sender), "muc#roominfo_subject", "text-single", "Subject", strings.Join(strings.Fields(subject), " "))
	add(true, "muc#roominfo_subjectmod", "boolean", "Participants may change the subject", form.Bool(c.OpenSubject))
	add(c.SlowWait() > 0, slowModeField, "text-single", "Slow mode: seconds between two messages of the same person", inSeconds(c.SlowWait()))
	add(c.Lang != "", "muc#roominfo_lang", "text-single", "Natural language", c.Lang)
	add(true, "muc#maxhistoryfetch", "text-single", "Most messages shown to newcomers", strconv.Itoa(c.HistoryLength()))
	for _, name := range [...]string{"muc#roomconfig_roomname", "muc#roomconfig_changesubject", "muc#roomconfig_allowinvites",
		"muc#roomconfig_allowpm", "allow_query_users"} {
		f := roomconfig.Named(name)
		fields = append(fields, form.Field{Name: f.Name, Type: f.Type, Label: f.Label, Values: f.Get(c)})
	}
	if r.cfg.ShowActivity && c.Persistent && !c.Hidden {
		add(true, ns.ActivityField, "text-single", "Messages per hour", r.activity(t.now))
	}
	if hashes := r.avatarHashes(); len(hashes) > 0 {
		fields = append(fields, form.Field{Name: avatarField, Type: string(TextMulti), Label: "Avatar hash", Values: hashes})
	}
	if hats := r.st.Sparse().Hats(); len(hats) > 0 {
		add(true, fieldHatHash, "text-single", "Hats hash", hatHash(hats))
	}
	for _, f := range r.cfg.Info {
		fields = append(fields, form.Field{Name: f.Var, Type: string(f.kind()), Label: f.Label, Values: f.Values})
	}
	r.localize(t.in.lang, fields)
	return fields
}

// reservedNickInfo answers a query for the asker's reserved nick (XEP-0045 §7.12): as the
// name of an identity, or with nothing.
func (t *step) reservedNickInfo() *StanzaError {
	if c := t.r.cfg; c.Registration == RegistrationNone && c.NickLockdown == LockdownOff {
		return refuse(stanza.FeatureNotImplemented, "7.12", "this room reserves no nicks")
	}
	p := t.sender.person
	t.answerQuery(ns.DiscoInfo, func(w *xmlwire.Writer) {
		w.Attr("node", ns.NodeReservedNick)
		if p != nil && p.Nick() != "" {
			w.Empty("identity", "", "category", "conference", "name", p.Nick(), "type", "text")
		}
	})
	return nil
}

// discoItems lists the occupants (XEP-0045 §6.5): to occupants, and to others if the room
// is configured so.
func (t *step) discoItems() *StanzaError {
	if e := t.mayDiscover(); e != nil {
		return e
	}
	switch node, _ := t.query().Attr("node"); node {
	case "":
	case ns.Commands: // clients ask every room
		t.commandItems()
		return nil
	default:
		return refuse(stanza.ItemNotFound, "XEP-0030 §3.2", "there is no such node")
	}
	r, s := t.r, &t.r.st
	part, refused := readPage(t.query(), r.cfg.Limits.ListItems)
	if refused != nil {
		return refused
	}
	ses := t.sender.session
	var list []*state.Occupant
	for _, o := range s.Occupants() {
		shown := s.Config().ListOccupants && s.Config().Broadcasts(o.Role())
		if ses != nil {
			shown = o == ses.Occupant() || shows(s, o.Role(), ses.Occupant())
		}
		if shown {
			list = append(list, o)
		}
	}
	is, refused := part.Cut(len(list), func(uid string) (int, bool) { return placeOf(list, uid) })
	if refused != nil {
		return refused
	}
	is = part.Within(is, r.cfg.Limits.PageBytes, func(i int) int {
		return itemMarkup + len(r.jid.String()) + 2*xmlwire.EscapedLen(list[i].Nick())
	})
	t.answerQuery(ns.DiscoItems, func(w *xmlwire.Writer) {
		for _, o := range list[is.From:is.To] {
			w.Empty("item", "", "jid", r.at(o.Nick()).String(), "name", o.Nick())
		}
		part.Write(w, is, func(i int) string { return list[i].UID() })
	})
	return nil
}

// activityWindow is the time over which messages are counted: XEP-0502 §4 allows up to
// three days.
const activityWindow = 24 * time.Hour

// activity is the number of messages per hour (XEP-0502 §3.1), counted in the history. If
// that is full and does not reach back far enough, it is the rate over the time it covers.
func (r *Room) activity(now time.Time) string {
	since := now.Add(-activityWindow)
	lists := [...][]state.Entry{r.st.Archived(), r.st.Unarchived()}
	for _, list := range lists {
		if len(list) >= r.cfg.Limits.History && len(list) > 0 && list[0].At().After(since) {
			since = list[0].At()
		}
	}
	n := 0
	for _, list := range lists {
		for _, e := range list {
			if !e.At().Before(since) && countsAsActivity(e.Message()) {
				n++
			}
		}
	}
	hours := max(now.Sub(since).Hours(), 1.0/60)
	return strconv.FormatFloat(float64(n)/hours, 'f', 2, 64)
}

// countsAsActivity reports whether a message has a body and is not a correction of another
// one (XEP-0308).
func countsAsActivity(m *event.Message) bool {
	words := false
	for n := range xmlwire.Elements(m.Payload) {
		switch {
		case n.NS == ns.Correct:
			return false
		case n.NS == "" && n.Name == "body":
			words = true
		}
	}
	return words
}
