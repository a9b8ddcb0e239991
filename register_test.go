package muc_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/event"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// registration is a registration form that somebody fills in: names and values
// in turn. The first is the nick.
func registration(from, nick string, fields ...string) string {
	s := `<iq type='set' id='r' from='` + from + `' to='coven@chat.shakespeare.lit'><query xmlns='jabber:iq:register'>` +
		`<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>` + nick + `</value></field>`
	for i := 0; i+1 < len(fields); i += 2 {
		s += `<field var='` + fields[i] + `'><value>` + fields[i+1] + `</value></field>`
	}
	return s + `</x></query></iq>`
}

// The host's policy and the log hold what was filled in.
//
// rows: F4, F11
func TestPolicyRegister(t *testing.T) {
	var seen []policy.Register
	h := open(t, muc.Config{
		Registration: muc.RegistrationOpen,
		RegistrationFields: []muc.RegistrationField{
			{Var: "muc#register_email", Label: "Email Address", Type: muc.TextSingle, Required: true},
			{Var: "x-house", Label: "House", Type: muc.ListMulti, Options: []string{"Capulet", "Montague"}},
		},
		Policy: policy.Rules{Register: func(q policy.Register) *muc.StanzaError {
			seen = append(seen, q)
			if q.Nick == "Macbeth" {
				return &muc.StanzaError{Condition: stanza.NotAllowed}
			}
			return nil
		}},
	})
	hag := muc.MustParseJID("hag66@shakespeare.lit")

	fx := h.Handle(`<iq type='get' id='r' from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><query xmlns='jabber:iq:register'/></iq>`)
	require.Nil(t, fx.Refused)
	h.Handle(registration("hag66@shakespeare.lit/pda", "Macbeth", "muc#register_email", "m@glamis.example"))
	h.IsRefused(stanza.NotAllowed)

	fx = h.Handle(registration("hag66@shakespeare.lit/pda", "thirdwitch", "muc#register_email", "hag66@witchesonline", "x-house", "Capulet"))

	answers := []event.FieldValue{
		{Var: "muc#register_email", Values: []string{"hag66@witchesonline"}},
		{Var: "x-house", Values: []string{"Capulet"}},
	}
	assert.Equal(t, []policy.Register{
		{Room: h.Config.Room, JID: hag, Affiliation: muc.AffiliationNone},
		{Room: h.Config.Room, JID: hag, Affiliation: muc.AffiliationNone, Nick: "Macbeth", Answers: []event.FieldValue{{Var: "muc#register_email", Values: []string{"m@glamis.example"}}}},
		{Room: h.Config.Room, JID: hag, Affiliation: muc.AffiliationNone, Nick: "thirdwitch", Answers: answers},
	}, seen)
	require.Len(t, slices.Collect(fx.Events()), 2)
	assert.Equal(t, &event.AffiliationChanged{JID: hag, Old: muc.AffiliationNone, New: muc.Member}, slices.Collect(fx.Events())[0].Body)
	assert.Equal(t, &event.Registered{JID: hag, Nick: "thirdwitch", Key: "thirdwitch", Answers: answers}, slices.Collect(fx.Events())[1].Body)
}

// A field that no form can have is a fault of the host, found when the room is made.
//
// rows: F11
func TestRegistrationFieldsAreChecked(t *testing.T) {
	for name, f := range map[string]muc.RegistrationField{
		"without a name":          {Type: muc.TextSingle},
		"the room's own":          {Var: "muc#register_roomnick", Type: muc.TextSingle},
		"of an unknown type":      {Var: "x-house", Type: "text-private"},
		"a list without options":  {Var: "x-house", Type: muc.ListSingle},
		"options without a list":  {Var: "x-house", Type: muc.TextSingle, Options: []string{"Capulet"}},
		"with what is no text":    {Var: "x-house", Type: muc.TextSingle, Label: "\x00"},
		"the same as one before":  {Var: "x-twice", Type: muc.TextSingle},
		"the verdict of an admin": {Var: "muc#register_allow", Type: muc.Boolean},
	} {
		_, err := muc.New(muc.Config{
			Room: muc.MustParseJID("coven@chat.shakespeare.lit"), Secret: []byte("a secret of sixteen bytes or more"),
			RegistrationFields: []muc.RegistrationField{{Var: "x-twice", Type: muc.TextMulti}, f},
		})
		assert.ErrorIs(t, err, muc.ErrConfig, name)
	}
}

// Requests to register outlive a restart of the host, which is what an admin's
// approval may take; so do their deadlines.
//
// rows: F9, H44
func TestRegistrationRequestsAreDurable(t *testing.T) {
	h := open(t, muc.Config{Registration: muc.RegistrationApproved, RegistrationTimeout: time.Hour, Defaults: muc.RoomConfig{Persistent: true}})
	fx := h.Handle(registration("hag66@shakespeare.lit/pda", "thirdwitch"))
	require.Nil(t, fx.Refused)
	asked := h.Now

	for name, room := range map[string]*muctest.Room{
		"from durable events":     muctest.Restore(t, h.Config, nil, lasting(h.Events())),
		"from a durable snapshot": muctest.Restore(t, h.Config, h.Snapshot(muc.Durable), nil),
	} {
		requests := slices.Collect(room.RegistrationRequests())
		require.Len(t, requests, 1, name)
		assert.Equal(t, event.RegistrationRequested{
			JID: muc.MustParseJID("hag66@shakespeare.lit"), Nick: "thirdwitch", Key: "thirdwitch", Deadline: event.Stamp{Time: asked.Add(time.Hour)},
		}, requests[0], name)
		assert.Equal(t, asked.Add(time.Hour), room.Deadline(), name)

		fx := room.Advance(time.Hour)
		assert.Equal(t, &event.RegistrationClosed{JID: requests[0].JID, How: event.RequestExpired}, only[*event.RegistrationClosed](t, fx), name)
		assert.Empty(t, slices.Collect(room.RegistrationRequests()), name)
		assert.True(t, room.Deadline().IsZero(), name)
	}
}

// A decision in somebody's name needs that person's privilege; without a request there is
// nothing to decide.
//
// rows: F9
func TestDecideRegistration(t *testing.T) {
	h := open(t, muc.Config{Registration: muc.RegistrationApproved})
	hag := muc.MustParseJID("hag66@shakespeare.lit")
	require.Nil(t, h.Handle(registration("hag66@shakespeare.lit/pda", "thirdwitch")).Refused)

	h.RefusesAs(hag, because(stanza.Forbidden), muc.DecideRegistration{JID: hag, Allow: true})
	h.Refuses(muc.ErrNotFound, muc.DecideRegistration{JID: muc.MustParseJID("wiccarocks@shakespeare.lit"), Allow: true})

	fx := h.DoAs(muc.MustParseJID("crone@shakespeare.lit/desktop"), muc.DecideRegistration{JID: hag, Allow: true})
	changed, ok := slices.Collect(fx.Events())[0].Body.(*event.AffiliationChanged)
	require.True(t, ok)
	assert.Equal(t, "crone@shakespeare.lit/desktop", changed.Actor.JID.String())
	assert.Empty(t, slices.Collect(h.RegistrationRequests()))
	for j, nick := range h.Registrations() {
		assert.Equal(t, hag, j)
		assert.Equal(t, "thirdwitch", nick)
	}

	h.Refuses(muc.ErrNotFound, muc.DecideRegistration{JID: hag})
}

// One field cannot hold more than Limits.FieldBytes, however many values it has.
//
// rows: L12
func TestRegistrationAnswersAreBounded(t *testing.T) {
	h := open(t, muc.Config{
		Registration:       muc.RegistrationApproved,
		RegistrationFields: []muc.RegistrationField{{Var: "muc#register_faqentry", Type: muc.TextMulti}},
		Limits:             muc.Limits{FieldBytes: 64},
	})
	var lines string
	for i := range 20 {
		lines += fmt.Sprintf("<value>line %d</value>", i)
	}

	h.Handle(`<iq type='set' id='r' from='hag66@shakespeare.lit/pda' to='coven@chat.shakespeare.lit'><query xmlns='jabber:iq:register'>` +
		`<x xmlns='jabber:x:data' type='submit'><field var='muc#register_roomnick'><value>thirdwitch</value></field>` +
		`<field var='muc#register_faqentry'>` + lines + `</field></x></query></iq>`)
	h.IsRefused(stanza.PolicyViolation)
	assert.Empty(t, slices.Collect(h.RegistrationRequests()))
}
