package muc

import (
	"slices"

	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/stanza"
)

// Lists of admins and owners in the configuration form (XEP-0045 §10.2, §16.5.3).

// rankFields are the two fields of the configuration form that are full lists of people,
// whose submission changes affiliations (XEP-0045 §10.2, §16.5.3). A person who is taken
// off a list falls one step. A list that is too long is left out of the form, and then a
// submission takes nobody off it.
var rankFields = []struct {
	heading, name, label string
	affiliation          Affiliation
	falls                Affiliation
}{
	{"Who runs the room", "muc#roomconfig_roomadmins", "Admins of the room", Admin, Member},
	{"", "muc#roomconfig_roomowners", "Owners of the room", Owner, Admin},
}

// ranked lists the people of an affiliation, sorted.
func (r *Room) ranked(aff Affiliation) []JID {
	var list []JID
	for _, p := range r.st.Lists().Of(&r.st).Having(aff) {
		list = append(list, p.JID())
	}
	return list
}

// tooMany reports whether a list of people is left out of the form: a long one, or one
// whose submission would be refused. Such a list is read and changed by muc#admin.
func (r *Room) tooMany(list []JID) bool {
	if len(list) > r.cfg.Limits.ItemsPerSet {
		return true
	}
	most := r.cfg.Limits.PageBytes / len(rankFields)
	for _, v := range listedJIDs(list) {
		most -= len(v) + formValueMarkup
	}
	return most < 0
}

// formValueMarkup is the markup of a value in a form, in bytes.
const formValueMarkup = 15

// submitRanks judges and proposes what the submitted lists change. Gains come
// before losses, so that an owner can hand the room on in one submission.
func (x *adminSet) submitRanks(sub *form.Submission) *StanzaError {
	var gains, losses []adminItem
	for _, f := range rankFields {
		got := sub.Field(f.name)
		if got == nil {
			continue
		}
		wanted, refused := x.t.r.readJIDs(got, f.label)
		if refused != nil {
			return refused
		}
		for _, j := range wanted {
			if x.own(j) != f.affiliation && !(f.affiliation == Admin && x.own(j) == Owner) {
				gains = append(gains, adminItem{affiliation: f.affiliation, jid: j})
			}
		}
		listed := x.t.r.ranked(f.affiliation)
		if x.t.r.tooMany(listed) {
			continue // the form did not show them: nobody can have meant to take them off
		}
		for _, j := range listed {
			if !slices.Contains(wanted, j) {
				losses = append(losses, adminItem{affiliation: f.falls, jid: j})
			}
		}
	}
	for _, list := range [...][]adminItem{gains, losses} {
		for i := range list {
			it := &list[i]
			if it.affiliation == x.own(it.jid.Bare()) {
				continue
			}
			if refused := x.changeAffiliation(it); refused != nil {
				return refused
			}
		}
	}
	return nil
}

// readJIDs reads the bare addresses of a jid-multi field.
func (r *Room) readJIDs(f *form.Field, label string) ([]JID, *StanzaError) {
	if len(f.Values) > r.cfg.Limits.ItemsPerSet {
		return nil, refuseField(stanza.PolicyViolation, "14.6", label, "holds too many people")
	}
	var list []JID
	for _, v := range f.Values {
		if v == "" {
			continue // how some clients write an empty list
		}
		j, err := r.named(v)
		if err != nil {
			return nil, refuse(stanza.BadRequest, "10.1.3", "something in the field “"+label+"” is no address")
		}
		if j = j.Bare(); !slices.Contains(list, j) {
			list = append(list, j)
		}
	}
	return list, nil
}
