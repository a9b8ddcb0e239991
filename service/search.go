package service

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/beevik/etree"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/rsm"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// Searching for public rooms (XEP-0433): by words in the name, the description and the
// address, in pages. Hidden rooms are not in the list that is searched.

// The fields of the search form (XEP-0433 §6.1).
const (
	fieldWords         = "q"
	fieldAll           = "all"
	fieldInName        = "sinname"
	fieldInDescription = "sindescription"
	fieldInAddress     = "sinaddress"
	fieldInAddr        = "sinaddr" // as the example of §4.2.1 calls it
	fieldMinUsers      = "min_users"
	fieldTypes         = "types"
	fieldKey           = "key"
	typeOfMUC          = "xep-0045"
)

// search is a search for rooms.
type search struct {
	in  *incoming
	ask rsm.Request
	// words must all be found; none finds all rooms.
	words                            []word
	inName, inDescription, inAddress bool
	minUsers                         int
	byUsers                          bool // most occupants first; otherwise by address
	nothing                          bool // rooms of other kinds are wanted
}

// word is what is looked for, folded. One that could not be a part of a domain is looked
// for in the local parts of addresses only: in the rest it would be found in every room.
type word struct {
	text  string
	whole bool
}

// match is a room that was found, with its occupants at that moment.
type match struct {
	*listed
	people int
}

const (
	// wordsBytes is how long the text of a search may be, and most how many words it has.
	wordsBytes = 256
	mostWords  = 10
	// searchBytes is how long one value of the form may be.
	searchBytes = 1024
)

// search answers a request for the search form, or takes a search in, which is answered
// later.
func (s *Service) search(in *incoming, _ *etree.Element) (*reply, *muc.StanzaError) {
	query, e := in.query()
	if e != nil {
		return nil, e
	}
	if len(query.Kids) == 0 {
		return s.searchForm(in), nil
	}
	q, e := s.readSearch(in, query)
	if e != nil {
		return nil, e
	}
	if e := s.postpone(); e != nil {
		return nil, e
	}
	if wait := s.searches.add(s, q); wait > 0 {
		s.answered()
		return in.searchLater(wait), nil
	}
	return nil, nil
}

// searchForm is the form with its defaults (§4.2.1).
func (s *Service) searchForm(in *incoming) *reply {
	yes := []string{form.Bool(true)}
	fields := []form.Field{
		{Name: fieldWords, Type: "text-single", Label: "Search for"},
		{Name: fieldAll, Type: "boolean", Label: "All rooms, whatever is searched for", Values: []string{form.Bool(false)}},
		{Name: fieldInName, Type: "boolean", Label: "Search in names", Values: yes},
		{Name: fieldInDescription, Type: "boolean", Label: "Search in descriptions", Values: yes},
		{Name: fieldInAddress, Type: "boolean", Label: "Search in addresses", Values: yes},
		{Name: fieldMinUsers, Type: "text-single", Label: "Minimum number of people", Values: []string{"0"}},
		{Name: fieldTypes, Type: "list-multi", Label: "Kinds of rooms", Values: []string{typeOfMUC},
			Options: []form.Option{{Value: typeOfMUC, Label: "Multi-user chats (XEP-0045)"}}},
		{Name: fieldKey, Type: "list-single", Label: "Sorted by", Values: []string{ns.SearchByUsers},
			Options: []form.Option{{Value: ns.SearchByUsers, Label: "Number of people"}, {Value: ns.SearchByAddress, Label: "Address"}}},
	}
	if word := s.word(in); word != nil {
		for i := range fields {
			fields[i] = fields[i].Worded(word)
		}
	}
	return in.resultOf(func(w *xmlwire.Writer) {
		w.Start("search", ns.Search)
		form.Write(w, "form", ns.SearchParams, "", fields)
		w.End()
	})
}

// badSearch refuses a search with a condition of its own.
func badSearch(typ stanza.ErrorType, condition, text string) *muc.StanzaError {
	return &muc.StanzaError{Type: typ, Condition: stanza.BadRequest, Text: text, Section: "XEP-0433 §4.2.2",
		App: stanza.AppCondition{Space: ns.SearchError, Local: condition}}
}

// readSearch reads and judges a search (§4.2.2). Fields that are left out have their
// defaults, unknown ones are ignored.
func (s *Service) readSearch(in *incoming, query *xmlwire.Node) (*search, *muc.StanzaError) {
	q := &search{in: in}
	var e *muc.StanzaError
	if q.ask, e = readPage(query, s.cfg.Limits.Page); e != nil {
		return nil, e
	}
	sub := &form.Submission{}
	if x := query.Child(ns.Data, "x"); x != nil {
		if sub, e = form.ReadSubmission(x, ns.SearchParams, "XEP-0433 §4.2.2", searchBytes); e != nil {
			return nil, e
		}
	}
	all, e := flag(sub, false, fieldAll)
	if e != nil {
		return nil, e
	}
	for _, f := range [...]struct {
		into  *bool
		names []string
	}{{&q.inName, []string{fieldInName}}, {&q.inDescription, []string{fieldInDescription}}, {&q.inAddress, []string{fieldInAddress, fieldInAddr}}} {
		if *f.into, e = flag(sub, true, f.names...); e != nil {
			return nil, e
		}
	}
	if e := q.readWords(sub, all); e != nil {
		return nil, e
	}
	return q, q.readRest(sub)
}

// flag reads a field that is yes or no, by one of its names.
func flag(sub *form.Submission, otherwise bool, names ...string) (bool, *muc.StanzaError) {
	for _, name := range names {
		f := sub.Field(name)
		if f == nil || len(f.Values) == 0 {
			continue
		}
		on, ok := form.ParseBool(f.Values[0])
		if !ok || len(f.Values) > 1 {
			return false, stanza.FieldError(stanza.BadRequest, "XEP-0433 §6.1", name, "is yes or no")
		}
		return on, nil
	}
	return otherwise, nil
}

// readWords reads what is looked for.
func (q *search) readWords(sub *form.Submission, all bool) *muc.StanzaError {
	f := sub.Field(fieldWords)
	given := f != nil && len(f.Values) > 0
	text := ""
	if given {
		text = strings.Join(f.Values, " ")
	}
	if len(text) <= wordsBytes { // longer ones are not worth a look
		q.words = wordsOf(text)
	}
	switch {
	case all && text != "":
		return badSearch(stanza.TypeModify, "conflicting-fields", "All rooms are asked for, and also what to search for.")
	case all:
		return nil
	case !given:
		return badSearch(stanza.TypeCancel, "no-search-conditions", "There is nothing to search for.")
	case len(text) > wordsBytes || len(q.words) > mostWords:
		return badSearch(stanza.TypeModify, "invalid-search-terms", "There are at most "+strconv.Itoa(mostWords)+" search terms, of "+
			strconv.Itoa(wordsBytes)+" bytes together.")
	case len(q.words) == 0:
		return badSearch(stanza.TypeModify, "invalid-search-terms", "A search term must have a letter or a digit.")
	case !q.inName && !q.inDescription && !q.inAddress:
		return badSearch(stanza.TypeModify, "conflicting-fields", "There is something to search for, and nothing to search in.")
	}
	return nil
}

// readRest reads how results are narrowed down and sorted.
func (q *search) readRest(sub *form.Submission) *muc.StanzaError {
	if f := sub.Field(fieldMinUsers); f != nil && form.First(f.Values) != "" {
		n, err := strconv.ParseUint(f.Values[0], 10, 31)
		if err != nil {
			return stanza.FieldError(stanza.BadRequest, "XEP-0433 §4.2.1", fieldMinUsers, "is no number")
		}
		q.minUsers = int(n)
	}
	if f := sub.Field(fieldTypes); f != nil && len(f.Values) > 0 {
		q.nothing = !slices.Contains(f.Values, typeOfMUC)
	}
	key := ns.SearchByUsers
	if f := sub.Field(fieldKey); f != nil && len(f.Values) > 0 {
		key = f.Values[0]
	}
	switch key {
	case ns.SearchByUsers:
		q.byUsers = true
	case ns.SearchByAddress:
	default:
		e := badSearch(stanza.TypeModify, "invalid-sort-key", "Rooms are not sorted by that.")
		e.Condition = stanza.FeatureNotImplemented
		return e
	}
	return nil
}

// wordsOf are the words of a text, and what stands in quotes as one. Those without a
// letter, digit or symbol are none.
func wordsOf(text string) []word {
	var words []word
	for i, part := range strings.Split(text, `"`) {
		list := []string{strings.TrimSpace(part)}
		if i%2 == 0 {
			list = strings.Fields(part)
		}
		for _, w := range list {
			if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r) }) {
				words = append(words, word{fold(w), strings.ContainsAny(w, ".@")})
			}
		}
	}
	return words
}

// fold brings a text to the form in which texts are compared: without regard to case or
// to how characters are composed.
func fold(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
		}
	}
	return text
}

// finds reports whether a room is looked for.
func (q *search) finds(l *listed) bool {
	for _, w := range q.words {
		switch {
		case q.inName && strings.Contains(l.folded.name, w.text):
		case q.inDescription && strings.Contains(l.folded.description, w.text):
		case q.inAddress && strings.Contains(l.folded.local, w.text):
		case q.inAddress && w.whole && strings.Contains(l.folded.address, w.text):
		default:
			return false
		}
	}
	return true
}

// find searches the list, which is sorted by address, and sorts what it finds as it is
// wanted.
func (q *search) find(rooms []*listed, discover func(policy.Discover) *muc.StanzaError) []match {
	if q.nothing {
		return nil
	}
	found := make([]match, 0, len(rooms))
	for _, l := range rooms {
		people := int(l.people.Load())
		if people >= q.minUsers && q.finds(l) && (discover == nil || discover(l.asked(q.in.from)) == nil) {
			found = append(found, match{l, people})
		}
	}
	if q.byUsers {
		mostUsedFirst(found)
	}
	return found
}

// mostUsedFirst sorts by the number of occupants, and otherwise leaves the order. Most rooms
// are empty, and need no sorting.
func mostUsedFirst(found []match) {
	var used []match
	end := len(found)
	for i := len(found) - 1; i >= 0; i-- {
		if m := found[i]; m.people > 0 {
			used = append(used, m)
		} else {
			end--
			found[end] = m
		}
	}
	slices.Reverse(used)
	slices.SortStableFunc(used, func(a, b match) int { return b.people - a.people })
	copy(found, used)
}

// asked is a room as a policy is told of it.
func (l *listed) asked(who muc.JID) policy.Discover {
	c := muc.RoomConfig{Name: l.name, Description: l.about.Description, Lang: l.about.Lang, MembersOnly: l.about.MembersOnly, Moderated: l.about.Moderated}
	if l.about.NonAnonymous {
		c.Whois = muc.WhoisAnyone
	}
	return policy.Discover{Room: l.room, JID: who, Config: c}
}

// uid is the place of a room in the results, for paging.
func (q *search) uid(m match) string {
	if q.byUsers {
		return strconv.Itoa(m.people) + " " + m.room.String()
	}
	return m.room.String()
}

// place finds a place in the results. The room need not be there any more, or may have
// other occupants now.
func (q *search) place(found []match) func(uid string) (int, bool) {
	return func(uid string) (int, bool) {
		people, room := 0, uid
		if q.byUsers {
			number, rest, _ := strings.Cut(uid, " ")
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil {
				return rsm.Nowhere, false
			}
			people, room = int(n), rest
		}
		return slices.BinarySearchFunc(found, room, func(m match, room string) int {
			if q.byUsers && m.people != people {
				return people - m.people
			}
			return strings.Compare(m.room.String(), room)
		})
	}
}

// answer does the search and answers it.
func (q *search) answer(s *Service) (*reply, *muc.StanzaError) {
	found := q.find(s.dir.all(), s.cfg.Room.Policy.Discover)
	is, e := q.ask.Cut(len(found), q.place(found))
	if e != nil {
		return nil, e
	}
	is = q.ask.Within(is, s.cfg.Limits.PageBytes, func(i int) int { return found[i].foundBytes() })
	return q.in.resultOf(func(w *xmlwire.Writer) {
		w.Start("result", ns.Search)
		for _, m := range found[is.From:is.To] {
			m.write(w)
		}
		q.ask.Write(w, is, func(i int) string { return q.uid(found[i]) })
		w.End()
	}), nil
}

// foundMarkup is what a room takes among results beside the texts of it.
const foundMarkup = 320

func (l *listed) foundBytes() int {
	return foundMarkup + l.bytes() + xmlwire.EscapedLen(l.about.Description) + len(l.about.Lang)
}

// write writes a room that was found (§6.2). Open are those that everybody may enter.
func (m match) write(w *xmlwire.Writer) {
	w.Start("item", "")
	w.Attr("address", m.room.String())
	w.Element("name", "", m.shown())
	w.ElementIf("description", m.about.Description)
	w.ElementIf("language", m.about.Lang)
	w.Element("nusers", "", strconv.Itoa(m.people))
	w.Element("service-type", "", typeOfMUC)
	if !m.about.MembersOnly && !m.about.Password {
		w.Element("is-open", "", "true")
	}
	mode := "muc_semianonymous"
	if m.about.NonAnonymous {
		mode = ns.SearchNoneHidden
	}
	w.Element("anonymity-mode", "", mode)
	w.End()
}

// searchLater refuses a search that comes too soon (§4.2.2, “Rate Limiting”).
func (in *incoming) searchLater(wait time.Duration) *reply {
	e := badSearch(stanza.TypeWait, "rate-limit", "There are too many searches. Try again later.")
	e.Condition = stanza.ResourceConstraint
	r := in.refusal(e)
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	childNamed(r.el.SelectElement("error"), ns.SearchError, "rate-limit").CreateAttr("retry-after", seconds)
	return r
}
