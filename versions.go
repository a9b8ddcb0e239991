package muc

import (
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"

	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/splice"
	"github.com/gomuc/muc/internal/state"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Versions of the lists of affiliations (XEP-0463): what clients get that ask for them when
// they enter (§5.2.1), and how they are told of changes from then on (§5.2.2). What they may
// read is decided as for requests of muc#admin (§5.2.3).
//
// Clients that do not ask are sent nothing of it: `mav` is no part of what XEP-0045 §7.2.2
// lets a room write for them (§9).

// readableLists are the lists that somebody may read.
func readableLists(s *state.Room, a *sender) (some event.AffiliationSet) {
	for _, l := range lists {
		if l.affiliation != AffiliationNone && mayRead(s, a, l.affiliation) {
			some |= event.Affiliations(l.affiliation)
		}
	}
	return some
}

// followLists proposes that the newcomer of this step follows the lists that it asks for and
// may read. What it may is what it is now: the same step may have made it a member. Versions
// are counted from when somebody first follows the lists.
func (t *step) followLists() {
	s, some := &t.r.st, event.AffiliationSet(0)
	ses, versions := s.Session(t.entering), s.Sparse().Versions()
	if ses == nil {
		return
	}
	if t.asksLists != nil {
		a := t.r.senderOf(t.entering)
		some = readableLists(s, &a)
	}
	if some == versions.Follows(ses) {
		return
	}
	if versions == nil {
		t.propose(&event.AffiliationsVersioned{Name: t.newID()})
	}
	t.propose(&event.AffiliationsFollowed{JID: t.entering, Lists: some})
}

// listVersion names a version of some of the lists, as clients know it. What says that others
// may be read now, or nothing, or is from an earlier room of the same address, is the name of
// none. Nobody can make one up: who shows a version was shown that state of the lists (§6).
// Within a version part counts what is told in several stanzas: those names are good for nothing but to
// tell that none of them was lost.
func (r *Room) listVersion(number uint64, some event.AffiliationSet, part int) string {
	n := strconv.FormatUint(number, 36)
	return n + "-" + r.mac("affiliations", r.st.Sparse().Versions().Name(), n, some.String(), strconv.Itoa(part))
}

// listNumber is the number of a version that a client names; known is false if it is none.
func (r *Room) listNumber(name string, some event.AffiliationSet) (number uint64, known bool) {
	digits, _, _ := strings.Cut(name, "-")
	number, err := strconv.ParseUint(digits, 36, 64)
	return number, err == nil && subtle.ConstantTimeCompare([]byte(name), []byte(r.listVersion(number, some, 0))) == 1
}

// mav is the element that names versions; one that is empty is left out.
func mav(since, until string) string {
	w := xmlwire.Writer{}
	w.Empty("mav", ns.MAV, "since", since, "until", until)
	return string(w.Bytes)
}

// renderLists answers a newcomer that asks for the lists, before any presence (§5.2.1): with
// what has changed since the version that it has, or with whole lists, and nothing if it has
// the last one. Its own presence will name that.
func (t *step) renderLists() {
	if t.asksLists == nil {
		return
	}
	versions := t.r.st.Sparse().Versions()
	ses := t.r.st.Session(t.entering)
	some := versions.Follows(ses)
	if some == 0 {
		t.renderListsRefused()
		return
	}
	last := t.r.listVersion(versions.Number(), some, 0)
	t.own.Tail = mav("", last) + t.own.Tail
	since := t.asksLists.AttrOr("since", "")
	if since == last {
		return
	}
	if number, known := t.r.listNumber(since, some); known {
		if changes, remembered := versions.Since(number); remembered {
			t.sendLists(t.listDiff(changes, some, ses), since, last, some)
			return
		}
	}
	var whole []listItem
	for i := range lists {
		if aff := lists[len(lists)-1-i].affiliation; some.Has(aff) {
			for _, p := range t.r.st.Lists().Having(aff) {
				whole = append(whole, listItem{p.JID(), aff})
			}
		}
	}
	t.sendLists(whole, "", last, some)
}

// renderListsRefused says that the newcomer may not read any list (§5.2.3). It enters all the
// same.
func (t *step) renderListsRefused() {
	e := refuse(stanza.Forbidden, "XEP-0463 §5.2.3", "the lists of affiliations are not for you").Settled()
	t.toSender(splice.Write("message", 256, func(w *xmlwire.Writer) {
		address(w, "from", t.r.jid)
		w.AttrIf("id", t.in.id)
		w.Attr("type", "error")
		w.Raw(string(e.AppendXML(nil, t.r.jid.String())))
	}), splice.None, nil)
}

// listDiff is what changes come to for somebody who may read some of the lists. Of what
// happened in between and of other lists it tells nothing (§6).
func (t *step) listDiff(changes []event.PastAffiliation, some event.AffiliationSet, reader *state.Session) []listItem {
	var diff []listItem
	seen := make(map[JID]bool, len(changes))
	for _, c := range changes {
		if seen[c.JID] {
			continue
		}
		seen[c.JID] = true
		was, is := readAs(c.Affiliation, some), readAs(t.r.st.Person(c.JID).Affiliation(), some)
		if was != is {
			diff = append(diff, listItem{c.JID, is})
		}
	}
	if len(diff) == 0 {
		diff = append(diff, noNews(reader, some))
	}
	return diff
}

// noNews is what a new version is told by where nothing has changed for its reader, because
// there must be one line (§5.2.1): what the reader is.
func noNews(reader *state.Session, some event.AffiliationSet) listItem {
	own := reader.Occupant().Person()
	return listItem{own.JID(), readAs(own.Affiliation(), some)}
}

// readAs is an affiliation as it is in the lists that somebody may read.
func readAs(aff Affiliation, some event.AffiliationSet) Affiliation {
	if some.Has(aff) {
		return aff
	}
	return AffiliationNone
}

// sendLists sends lines to the newcomer in as many messages as it takes, which lead from one
// version to another, or, without the first, to whole lists.
func (t *step) sendLists(items []listItem, since, last string, some event.AffiliationSet) {
	number := t.r.st.Sparse().Versions().Number()
	for part := 1; ; part++ {
		size, n := 0, 0
		for n < len(items) && (n == 0 || size+listItemSize(items[n]) <= t.r.cfg.Limits.PageBytes) {
			size += listItemSize(items[n])
			n++
		}
		until := last
		if n < len(items) {
			until = t.r.listVersion(number, some, part)
		}
		t.toSender(t.listMessage(items[:n], since, until, size), splice.None, nil)
		if items = items[n:]; len(items) == 0 {
			return
		}
		since = until
	}
}

func (t *step) listMessage(items []listItem, since, until string, size int) *splice.Stanza {
	return splice.Write("message", 384+size, func(w *xmlwire.Writer) {
		address(w, "from", t.r.jid)
		w.Start("x", ns.User)
		w.Raw(mav(since, until))
		for _, it := range items {
			followedPerson(w, it)
		}
		w.End()
	})
}

// listChanges are the changes of a step as those who follow the lists are told of them. Each
// is told once: by the first stanza that says what the list says, or by a message to those who
// get none such. All together they lead from the version before the step to the one after it.
type listChanges struct {
	since     uint64     // the number of the version before the step
	untold    []listItem // whose affiliation has changed, and what it was
	told      int
	followers map[JID]*follower // by the address of the session
}

// follower is somebody who is told, and of how many changes already.
type follower struct {
	state.Follower
	told int
}

// listChange is one of the changes while it is told: what somebody is in the lists now.
type listChange struct {
	of *listChanges
	is Affiliation
}

// listChanges are the changes of this step since a version, nil if there is none or nobody
// follows the lists. Whom the same step has taken the right to read one of them is told no
// more. A newcomer gets the last version anyway.
func (t *step) listChanges(since uint64) *listChanges {
	s := &t.r.st
	followers := s.Sparse().Versions().Followers()
	if len(followers) == 0 || since == s.Sparse().Versions().Number() {
		return nil
	}
	l := &listChanges{since: since, followers: make(map[JID]*follower, len(followers))}
	for _, body := range t.bodies {
		if b, ok := body.(*event.AffiliationChanged); ok && b.Old != b.New && l.index(b.JID) < 0 {
			l.untold = append(l.untold, listItem{b.JID, b.Old})
		}
	}
	for _, f := range followers {
		if a := asReader(s, f.Session.Occupant()); f.Session.JID() != t.entering && f.Lists&^readableLists(s, a) == 0 {
			l.followers[f.Session.JID()] = &follower{f, 0}
		}
	}
	return l
}

// asReader is an occupant as the rules on reading see it: with the affiliation that counts.
func asReader(s *state.Room, o *state.Occupant) *sender {
	a := &sender{role: o.Role(), aff: s.OccupantAffiliation(o)}
	if a.aff >= Admin {
		a.role = Moderator
	}
	return a
}

// index finds a change that is not told yet, or is negative.
func (l *listChanges) index(j JID) int {
	if l == nil {
		return -1
	}
	return slices.IndexFunc(l.untold, func(it listItem) bool { return it.jid == j })
}

// versions are the names of the versions that a change leads from and to.
func (t *step) versions(l *listChanges, some event.AffiliationSet) (since, until string) {
	last := t.r.st.Sparse().Versions().Number()
	since, until = t.r.listVersion(l.since, some, 0), t.r.listVersion(last, some, 0)
	if l.told > 0 {
		since = t.r.listVersion(last, some, -l.told)
	}
	if len(l.untold) > 0 {
		until = t.r.listVersion(last, some, -l.told-1)
	}
	return since, until
}

// tellList runs a function that tells of somebody's affiliation. If that has changed and is
// what the lists say, which a domain's or the host's may hide, what it sends names versions.
func (t *step) tellList(h *happened, whose JID, shown Affiliation, tell func()) {
	if i := h.lists.index(whose); i >= 0 && shown == t.r.st.Person(whose).Affiliation() {
		t.tellChange(h.lists, i, tell)
	} else {
		tell()
	}
}

// tellListRest tells the changes of which nothing else has told.
func (t *step) tellListRest(l *listChanges) {
	for l != nil && len(l.untold) > 0 {
		t.tellChange(l, 0, func() {})
	}
}

// tellChange tells one change: by what a function sends and, to those who follow the lists and
// get nothing of that, by messages.
func (t *step) tellChange(l *listChanges, i int, tell func()) {
	s, was := &t.r.st, l.untold[i]
	l.untold = slices.Delete(l.untold, i, i+1)
	is := s.Person(was.jid).Affiliation()
	t.change = &listChange{l, is}
	tell()
	t.change = nil
	var rest listReaders
	for _, f := range s.Sparse().Versions().Followers() {
		if x := l.followers[f.Session.JID()]; x != nil && x.told == l.told {
			rest = rest.with(x, f.Session.Address())
		}
	}
	for _, group := range rest {
		since, until := t.versions(l, group.lists)
		news := listItem{was.jid, readAs(is, group.lists)}
		if news.affiliation != readAs(was.affiliation, group.lists) {
			t.send(group.to, t.listMessage([]listItem{news}, since, until, listItemSize(news)), splice.None, nil)
			continue
		}
		for i, j := range group.to {
			own := noNews(l.followers[j].Session, group.lists)
			t.send(group.to[i:i+1:i+1], t.listMessage([]listItem{own}, since, until, listItemSize(own)), splice.None, nil)
		}
	}
	l.told++
}

// sendToFollowers sends what tells of a change to those of its readers who follow the lists,
// with the versions, and returns the others. Who does not see whom it is about, or may not
// read the list in which that person is now, follows by another message.
func (t *step) sendToFollowers(to []JID, doc *splice.Stanza, v splice.View, x *splice.Extra) (others []JID) {
	c := t.change
	follows := func(j JID) bool {
		f := c.of.followers[j]
		return f != nil && f.told == c.of.told && readAs(c.is, f.Lists) == c.is
	}
	if doc.JID != 0 && v == splice.None || !slices.ContainsFunc(to, follows) {
		return to
	}
	var versioned listReaders
	for _, j := range to {
		if follows(j) {
			versioned = versioned.with(c.of.followers[j], j)
		} else {
			others = append(others, j)
		}
	}
	t.change = nil
	for _, group := range versioned {
		extra := splice.Extra{Tail: mav(t.versions(c.of, group.lists))}
		if x != nil {
			extra.ID, extra.Tail = x.ID, extra.Tail+x.Tail
		}
		t.send(group.to, doc, v, &extra)
	}
	t.change = c
	return others
}

// listReaders are addresses of followers, by the lists that they follow.
type listReaders []struct {
	lists event.AffiliationSet
	to    []JID
}

// with adds a follower, who is told with that.
func (l listReaders) with(f *follower, address JID) listReaders {
	f.told++
	i := 0
	for i < len(l) && l[i].lists != f.Lists {
		i++
	}
	if i == len(l) {
		l = append(l, listReaders{{lists: f.Lists}}...)
	}
	l[i].to = append(l[i].to, address)
	return l
}
