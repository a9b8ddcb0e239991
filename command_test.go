package muc_test

import (
	"fmt"
	"slices"
	"strings"
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

// because is a refusal by its condition alone, for errors.Is.
func because(c stanza.Condition) error { return &muc.StanzaError{Condition: c} }

// coven is a room with its owner, a member who is participant, somebody without
// affiliation, and puck, who is banned.
func coven(t *testing.T, cfg muc.Config) *muctest.Room {
	h := open(t, cfg)
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("wiccarocks@shakespeare.lit"), Affiliation: muc.Member})
	h.Do(muc.SetAffiliation{JID: muc.MustParseJID("puck@shakespeare.lit"), Affiliation: muc.Outcast})
	h.Client("wiccarocks@shakespeare.lit/laptop").Joins("secondwitch")
	h.Client("hecate@shakespeare.lit/broom").Joins("thirdwitch")
	return h
}

var (
	crone  = muc.MustParseJID("crone@shakespeare.lit/desktop")
	wicca  = muc.MustParseJID("wiccarocks@shakespeare.lit/laptop")
	hecate = muc.MustParseJID("hecate@shakespeare.lit/broom")
	bard   = muc.MustParseJID("bard@shakespeare.lit/globe")
)

// A room that is not alive takes no command but to be created, and that once.
func TestCommandsNeedARoom(t *testing.T) {
	h := unborn(t, muc.Config{})
	all := []muc.Command{muc.Configure{}, muc.Reset{}, muc.SetVCard{}, muc.RemoveAffiliation{}, muc.Destroy{}, muc.Shutdown{}, muc.Kick{}, muc.SetRole{}, muc.SetAffiliation{},
		muc.Vanished{JID: crone}, muc.Join{}, muc.Leave{}, muc.Say{}, muc.SetSubject{}, muc.Moderate{}, muc.Invite{}, muc.Answer{}, muc.Forget{}}
	h.Refuses(muc.ErrNotOpen, all...)
	h.Refuses(because(stanza.BadRequest), nil)
	h.Refuses(because(stanza.JIDMalformed), muc.Create{})
	h.Refuses(because(stanza.BadRequest), muc.Create{Owner: crone, Config: muc.RoomConfig{MaxUsers: -1}})

	h.Do(&muc.Create{Owner: crone})
	assert.Equal(t, muc.Open, h.State())
	h.Refuses(because(stanza.Conflict), muc.Create{Owner: crone})
	h.Do(muc.Destroy{})
	h.Refuses(muc.ErrNotOpen, all...)
	h.Refuses(because(stanza.Conflict), muc.Create{Owner: crone})
}

// A nil pointer is no command, of any type, by the host or in somebody's name.
func TestNilCommands(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Refuses(because(stanza.BadRequest), nil, (*muc.Create)(nil), (*muc.Configure)(nil), (*muc.Reset)(nil), (*muc.Destroy)(nil),
		(*muc.Shutdown)(nil), (*muc.Kick)(nil), (*muc.SetRole)(nil), (*muc.SetAffiliation)(nil), (*muc.RemoveAffiliation)(nil),
		(*muc.Vanished)(nil), (*muc.Forget)(nil), (*muc.Join)(nil), (*muc.Rename)(nil), (*muc.Leave)(nil), (*muc.Say)(nil),
		(*muc.SetSubject)(nil), (*muc.ImportMessage)(nil), (*muc.SetVCard)(nil), (*muc.Moderate)(nil), (*muc.Invite)(nil), (*muc.Answer)(nil), (*muc.DecideRegistration)(nil))
	h.RefusesAs(crone, because(stanza.BadRequest), nil, (*muc.Kick)(nil), (*muc.Reset)(nil), (*muc.Say)(nil), (*muc.Forget)(nil), (*muc.Create)(nil))
	h.RefusesAs(crone, muc.ErrHostOnly, &muc.Forget{}, &muc.Create{})
	h.RefusesAs(crone, muc.ErrNotFound, &muc.Kick{Nick: "nobody"})
	assert.Equal(t, muc.Open, h.State())
}

// What a host gets wrong is an error that says so; nothing changes, and nobody is
// told.
func TestCommandsRefused(t *testing.T) {
	h := coven(t, muc.Config{Limits: muc.Limits{Affiliations: 3}})
	long, noText := strings.Repeat("x", 1025), "\x00"

	h.Refuses(muc.ErrNotFound, muc.Kick{Nick: "nobody"}, muc.Kick{Nick: "Firstwitch"}, muc.Kick{},
		muc.SetRole{Nick: "nobody", Role: muc.Visitor}, muc.Leave{Nick: "nobody"}, muc.Say{Nick: "nobody", Body: "boo"})
	h.Refuses(because(stanza.PolicyViolation), muc.Kick{Nick: "thirdwitch", Reason: long}, muc.Kick{Nick: "thirdwitch", Reason: noText},
		muc.SetAffiliation{JID: hecate, Affiliation: muc.Member, Reason: long}, muc.Destroy{Reason: long}, muc.Destroy{Password: noText},
		muc.Shutdown{Reason: noText}, muc.SetSubject{Subject: strings.Repeat("x", 4097)}, muc.Say{Body: strings.Repeat("x", 70_000)},
		muc.Reset{Config: muc.RoomConfig{Name: strings.Repeat("x", 4097)}}, muc.Reset{Config: muc.RoomConfig{Password: noText}},
		muc.Invite{To: bard, Reason: long})
	h.Refuses(because(stanza.BadRequest), muc.SetRole{Nick: "thirdwitch", Role: 9}, muc.SetAffiliation{JID: hecate, Affiliation: 4},
		muc.SetAffiliation{JID: hecate, Affiliation: -2}, muc.Say{}, muc.Say{Body: " \n"}, muc.SetSubject{Subject: noText},
		muc.Say{Body: "boo", Message: parse(`<message><body>boo</body></message>`)}, muc.Say{Message: parse(`<message/>`)},
		muc.Reset{Config: muc.RoomConfig{Whois: 7}}, muc.Reset{Config: muc.RoomConfig{AllowPM: 7}})
	h.Refuses(because(stanza.JIDMalformed), muc.SetAffiliation{Affiliation: muc.Member}, muc.Vanished{}, muc.Invite{}, muc.Join{Nick: "Bard"})
	h.Refuses(because(stanza.Conflict), muc.SetAffiliation{JID: crone, Affiliation: muc.Admin},
		muc.Forget{JID: crone})
	h.Refuses(because(stanza.ResourceConstraint), muc.SetAffiliation{JID: bard, Affiliation: muc.Member},
		muc.SetAffiliation{JID: bard, Affiliation: muc.Outcast})
	h.Refuses(because(stanza.NotAllowed), muc.Say{Nick: "thirdwitch", Body: "I never said that"}, muc.Leave{Nick: "thirdwitch"})
	h.Refuses(muc.ErrNotStanza, muc.Say{Message: parse(`<presence/>`)})
	bad := parse(`<message><body>boo</body></message>`)
	bad.CreateAttr("id", noText)
	h.Refuses(because(stanza.BadRequest), muc.Say{Message: bad})
}

// A bot that looks up who asked, finds nobody, and passes the zero address on, does
// nothing: it does not act with the privileges of the host.
func TestNobodyCommandsNothing(t *testing.T) {
	h := coven(t, muc.Config{})
	asked := map[string]muc.JID{}["who is not there"]

	h.RefusesAs(asked, muc.ErrNobody, muc.Kick{Nick: "firstwitch"}, muc.SetRole{Nick: "firstwitch", Role: muc.Visitor},
		muc.SetAffiliation{JID: bard, Affiliation: muc.Owner}, muc.RemoveAffiliation{JID: crone}, muc.Configure{}, muc.Reset{}, muc.Destroy{}, muc.Say{Body: "boo"},
		muc.SetSubject{Subject: "boo"}, muc.Moderate{ID: "x"}, muc.Invite{To: bard}, muc.DecideRegistration{JID: bard, Allow: true}, muc.CreateHat{URI: "urn:x:y", Title: "X"},
		muc.DestroyHat{URI: "urn:x:y"}, muc.AssignHat{JID: bard, URI: "urn:x:y"}, muc.UnassignHat{JID: bard, URI: "urn:x:y"}, muc.Shutdown{}, nil)
	h.RefusesAs(crone, muc.ErrHostOnly, muc.Create{Owner: crone}, muc.Shutdown{}, &muc.Shutdown{}, muc.Vanished{JID: hecate},
		muc.Forget{JID: hecate}, muc.Join{JID: bard, Nick: "Bard"}, muc.Rename{Nick: "Bard", To: "bard"}, muc.Leave{Nick: "Bard"}, muc.Answer{})
	h.DoAs(crone, &muc.Kick{Nick: "thirdwitch"})
}

// A field that somebody forgot kicks nobody, demotes nobody and drops no password.
func TestForgottenFieldsDoNoHarm(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Do(muc.Reset{Config: muc.RoomConfig{Persistent: true, Password: "hurlyburly"}})
	h.Refuses(muc.ErrMissing, muc.SetRole{Nick: "secondwitch"}, muc.SetAffiliation{JID: wicca}, muc.SetAffiliation{JID: crone, Nick: "x"},
		muc.Configure{})
	h.RefusesAs(crone, muc.ErrMissing, muc.SetRole{Nick: "secondwitch"}, muc.SetAffiliation{JID: wicca}, muc.Configure{})

	h.Do(muc.Configure{Change: func(c *muc.RoomConfig) { c.Name = "The Heath" }})
	conf := h.RoomConfig()
	assert.Equal(t, "hurlyburly The Heath true", fmt.Sprint(conf.Password, " ", conf.Name, " ", conf.Persistent))
	h.RefusesAs(wicca, because(stanza.Forbidden), muc.Configure{Change: func(c *muc.RoomConfig) { c.Name = "Mine" }})
	h.Do(muc.Reset{Config: muc.RoomConfig{Name: "The Heath"}})
	assert.Empty(t, h.RoomConfig().Password)
	h.DoAs(crone, muc.RemoveAffiliation{JID: wicca, Reason: "no more"})
	for who := range h.Affiliations() {
		assert.NotEqual(t, wicca.Bare(), who)
	}
}

// What is not there is one error, whether the host itself names it or somebody: unless
// that person may not know.
func TestNotFoundIsOneError(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Refuses(muc.ErrNotFound, muc.Kick{Nick: "nobody"}, muc.SetRole{Nick: "nobody", Role: muc.Visitor})
	h.RefusesAs(crone, muc.ErrNotFound, muc.Kick{Nick: "nobody"}, muc.SetRole{Nick: "nobody", Role: muc.Visitor})
	h.RefusesAs(crone, because(stanza.ItemNotFound), muc.Kick{Nick: "nobody"})
	h.RefusesAs(hecate, because(stanza.Forbidden), muc.Kick{Nick: "nobody"})
}

// Two calls of one room at the same time are found, here from within a policy.
func TestTwoCallsAtOnce(t *testing.T) {
	var room *muc.Room
	calls := map[string]func(now time.Time){
		"Do":     func(now time.Time) { _, _ = room.Do(now, muc.Say{Body: "boo"}) },
		"DoAs":   func(now time.Time) { _, _ = room.DoAs(now, crone, muc.Say{Body: "boo"}) },
		"Tick":   func(now time.Time) { _, _ = room.Tick(now) },
		"Handle": func(now time.Time) { _, _ = room.Handle(now, parse(`<message/>`)) },
		"Apply":  func(time.Time) { _ = room.Apply(event.Event{}) },
	}
	for name, call := range calls {
		h := open(t, muc.Config{})
		now := h.Now
		h.Config.Room = muc.JID{}
		cfg := h.Config
		cfg.Policy.Speak = func(policy.Speak) *muc.StanzaError { call(now); return nil }
		template, err := muc.NewTemplate(cfg)
		require.NoError(t, err)
		room, err = template.Restore(muc.MustParseJID("coven@chat.shakespeare.lit"), h.Snapshot(muc.Live), nil)
		require.NoError(t, err)
		speak := func() { _, _ = room.Handle(now, parse(message("<body>boo</body>"))) }
		assert.PanicsWithValue(t, "muc: two calls of one room at the same time", speak, name)
		_, err = room.Tick(now)
		assert.NoError(t, err, "a call that panicked is over")
	}
}

// As somebody, a command may do what that person may, and is shown as that person's.
func TestCommandsAsSomebody(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Client("crone@shakespeare.lit/phone").Joins("wisewitch")
	bareCrone, stranger := crone.Bare(), muc.MustParseJID("bard@shakespeare.lit")

	h.RefusesAs(wicca, because(stanza.Forbidden), muc.Kick{Nick: "thirdwitch"}, muc.SetAffiliation{JID: hecate, Affiliation: muc.Member},
		muc.Reset{}, muc.Destroy{}, muc.SetSubject{Subject: "Trouble"})
	h.RefusesAs(wicca.Bare(), because(stanza.Forbidden), muc.SetRole{Nick: "thirdwitch", Role: muc.Visitor})
	h.RefusesAs(stranger, because(stanza.Forbidden), muc.Kick{Nick: "thirdwitch"})
	h.RefusesAs(crone, because(stanza.Conflict), muc.Kick{Nick: "firstwitch"})
	h.RefusesAs(bareCrone, because(stanza.Conflict), muc.SetAffiliation{JID: crone, Affiliation: muc.Outcast})
	h.RefusesAs(stranger, because(stanza.NotAcceptable), muc.Say{Body: "boo"}, muc.Invite{To: bard})
	h.RefusesAs(muc.MustParseJID("crone@shakespeare.lit/attic"), because(stanza.NotAcceptable), muc.SetSubject{})
	h.RefusesAs(hecate, because(stanza.BadRequest), muc.Say{Body: "boo", Nick: "thirdwitch"}, nil)

	second, third := h.Client(wicca.String()), h.Client(hecate.String())
	h.DoAs(bareCrone, muc.SetRole{Nick: "thirdwitch", Role: muc.Visitor, Reason: "hush"})
	second.ReceivesOnly(muctest.Presence("thirdwitch").Actor("firstwitch").Reason("hush"))
	h.RefusesAs(hecate, because(stanza.Forbidden), muc.Say{Body: "mute"})

	h.DoAs(wicca, muc.Say{Body: "By the pricking of my thumbs"})
	third.ReceivesOnly(muctest.Message("By the pricking of my thumbs").From("secondwitch"))
	h.DoAs(crone, muc.SetSubject{Subject: "Trouble"})
	third.ReceivesOnly(muctest.Subject("Trouble").From("firstwitch"))
	_, nick := h.Subject()
	assert.Equal(t, "firstwitch", nick)
	h.Do(muc.Say{Message: parse(`<message><subject xml:lang='de'>Mühe</subject><subject>Trouble</subject></message>`)})
	subject, _ := h.Subject()
	assert.Equal(t, "Trouble", subject, "the one in the language of the message")

	fx := h.DoAs(bareCrone, muc.Destroy{Reason: "done"})
	assert.Equal(t, bareCrone, fx.Durable[len(fx.Durable)-1].Body.(*event.RoomDestroyed).Actor.JID)
}

// The host needs no privilege, and nobody is shown as the actor.
func TestCommandsOfTheHost(t *testing.T) {
	h := coven(t, muc.Config{})

	h.Do(muc.Kick{Nick: "firstwitch", Reason: "spam"})
	h.Client(wicca.String()).ReceivesOnly(muctest.Unavailable("firstwitch").Status(307).Reason("spam"))
	h.Client(wicca.String()).SeesNothingOf("<actor")

	h.Do(muc.SetAffiliation{JID: crone, Affiliation: muc.Owner})
	h.Do(muc.SetAffiliation{JID: bard, Affiliation: muc.Owner, Nick: "Bard"})
	h.Do(muc.RemoveAffiliation{JID: crone})
	for j, nick := range h.Registrations() {
		assert.Equal(t, "bard@shakespeare.lit Bard", j.String()+" "+nick)
	}
	h.Do(muc.Reset{Config: muc.RoomConfig{Persistent: true, Name: "The Heath"}})
	assert.Equal(t, "The Heath", h.Summary().Name)
	h.Do(muc.Shutdown{Reason: "until tomorrow"})
	assert.True(t, h.Idle())
	assert.Equal(t, muc.Open, h.State())
}

// What the host says in the room's name comes from the room, is archived like
// anything said, and holds nothing that would pass for the room's own marks.
func TestSayAsTheRoom(t *testing.T) {
	h := coven(t, muc.Config{Policy: policy.Rules{Speak: func(policy.Speak) *muc.StanzaError { return &muc.StanzaError{Condition: stanza.Forbidden} }}})

	fx := h.Do(muc.Say{Message: parse(`<message id='b1' xml:lang='en' type='chat' to='x' from='y'><body>Backup tonight</body>` +
		`<x xmlns='urn:example' a='&lt;'/><stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.lit' id='forged'/></message>`)})
	said := only[*event.MessageArchived](t, fx)
	assert.Equal(t, `<body>Backup tonight</body><x xmlns='urn:example' a='&lt;'/>`, said.Payload)
	assert.Equal(t, `<message to='hecate@shakespeare.lit/broom' from='coven@chat.shakespeare.lit' type='groupchat' id='b1' xml:lang='en'>`+said.Payload+
		`<stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.lit' id='`+said.StanzaID+`'/></message>`, h.Client(hecate.String()).Received()[0])

	h.Do(muc.Say{Message: parse(`<message><subject>Toil</subject><subject xml:lang='de'>Mühe</subject></message>`)})
	subject, nick := h.Subject()
	assert.Equal(t, "Toil", subject)
	assert.Empty(t, nick)
	h.Do(muc.SetSubject{})
	subject, _ = h.Subject()
	assert.Empty(t, subject)
}

// Who is gone is told to those who stay, and never to the one who is gone. A bare
// JID stands for an account, a domain for a server.
//
// rows: L11
func TestVanished(t *testing.T) {
	h := coven(t, muc.Config{})
	h.Client("hecate@shakespeare.lit/cave").Joins("thirdwitch")
	h.Client("fleance@scotland.lit/pda").Joins("fleance")
	h.Client("donalbain@scotland.lit/pda").Joins("donalbain")

	fx := h.Do(muc.Vanished{JID: muc.MustParseJID("nobody@shakespeare.lit")})
	assert.Empty(t, slices.Collect(fx.Events()))
	second := h.Client(wicca.String())
	h.Do(muc.Vanished{JID: hecate})
	h.Client(hecate.String()).ReceivesNothing()
	second.ReceivesNothing() // the person is inside with another client
	h.Do(muc.Vanished{JID: hecate.Bare()})
	second.ReceivesOnly(muctest.Unavailable("thirdwitch").Status(333))
	second.SeesNothingOf(`code='307'`)

	fx = h.Do(muc.Vanished{JID: muc.MustParseJID("scotland.lit")})
	assert.Len(t, second.Received(), 2)
	for _, out := range fx.Outbound {
		for _, to := range out.To() {
			assert.Equal(t, "shakespeare.lit", to.Domain())
		}
	}
	h.Do(muc.Vanished{JID: muc.MustParseJID("shakespeare.lit")})
	assert.Equal(t, muc.Destroyed, h.State(), "a temporary room ends with its last occupant")
}

// Addresses that a host read from its own store are brought to the room's form.
func TestCommandsNormalise(t *testing.T) {
	h := coven(t, muc.Config{})
	var loud, bad muc.JID
	require.NoError(t, loud.UnmarshalText([]byte("Hecate@SHAKESPEARE.lit/broom")))
	require.NoError(t, bad.UnmarshalText([]byte("he cate@shakespeare.lit")))

	h.Do(muc.SetAffiliation{JID: loud, Affiliation: muc.Admin})
	for j, aff := range h.Affiliations() {
		if aff == muc.Admin {
			assert.Equal(t, hecate.Bare(), j)
		}
	}
	h.Refuses(because(stanza.JIDMalformed), muc.SetAffiliation{JID: bad, Affiliation: muc.Admin},
		muc.Vanished{JID: bad}, muc.Join{JID: bad, Nick: "Bard"}, muc.Destroy{Alternate: bad},
		muc.Invite{To: bad}, muc.Forget{JID: bad}, muc.Forget{JID: wicca, Heir: bad})
	h.RefusesAs(bad, because(stanza.JIDMalformed), muc.Kick{Nick: "thirdwitch"}, muc.Say{Body: "boo"})
	h.Do(muc.Vanished{JID: loud})
	assert.Equal(t, 2, h.Summary().Occupants)
}
