package muc_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/muctest"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/stanza"
)

// trial is a stanza that a hook judges, and one of the same kind that the room
// refuses by itself, so that the hook never hears of it.
type trial struct {
	asks, refused string
	unborn        bool
}

var trials = map[string]trial{
	"Create": {unborn: true, asks: enters("bard@shakespeare.lit/globe", "bard"), refused: enters("bard@shakespeare.lit/globe", "")},
	"Join":   {asks: enters("bard@shakespeare.lit/globe", "bard"), refused: enters("bard@shakespeare.lit/globe", "thirdwitch")},
	"Speak":  {asks: message("<body>boo</body>"), refused: strings.Replace(message("<body>boo</body>"), "desktop", "attic", 1)},
	"Configure": {asks: configSubmit("c", "muc#roomconfig_roomname", "Heath"),
		refused: configSubmit("c", "muc#roomconfig_whois", "nobody")},
	"Discover": {asks: `<iq type='get' id='d' from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		refused: `<iq type='get' id='d' from='bard@shakespeare.lit/globe' to='coven@chat.shakespeare.lit/thirdwitch'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`},
	"Invite":   {asks: invites("crone@shakespeare.lit/desktop", "bard@shakespeare.lit"), refused: invites("bard@shakespeare.lit/globe", "will@shakespeare.lit")},
	"Register": {asks: registers("wiccarocks@shakespeare.lit/laptop", "Wicca"), refused: registers("wiccarocks@shakespeare.lit/laptop", "thirdwitch")},
	"Affiliate": {asks: makes(`<item jid='bard@shakespeare.lit' affiliation='member'/>`),
		refused: makes(`<item jid='crone@shakespeare.lit' affiliation='outcast'/>`)},
	"Ask": {asks: `<iq type='set' id='a' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>`,
		refused: `<iq type='set' id='a' from='puck@shakespeare.lit/leaf' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>`},
	"ReadArchive": {asks: `<iq type='set' id='a' from='crone@shakespeare.lit/desktop' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>`,
		refused: `<iq type='set' id='a' from='puck@shakespeare.lit/leaf' to='coven@chat.shakespeare.lit'><query xmlns='urn:xmpp:mam:2'/></iq>`},
}

// policies are the functions by which a host refuses.
func policies() []reflect.StructField { return reflect.VisibleFields(reflect.TypeFor[policy.Rules]()) }

// Each policy of the host is asked about what the room's own rules admit, and only
// about that. What it refuses leaves no trace, and is answered by an error that is
// whole whatever the host left out.
//
// rows: C27, L13
func TestPolicies(t *testing.T) {
	for _, f := range policies() {
		t.Run(f.Name, func(t *testing.T) {
			c, known := trials[f.Name]
			require.True(t, known, "nothing shows what %s does", f.Name)
			verdict, asked := (*muc.StanzaError)(nil), 0
			cfg := muc.Config{Instant: true, Archive: true}
			reflect.ValueOf(&cfg.Policy).Elem().FieldByIndex(f.Index).Set(reflect.MakeFunc(f.Type, func([]reflect.Value) []reflect.Value {
				asked++
				return []reflect.Value{reflect.ValueOf(verdict)}
			}))
			h := unborn(t, cfg)
			if !c.unborn {
				h = coven(t, cfg)
			}
			asked = 0
			fx := h.Handle(c.refused)
			require.NotNil(t, fx.Refused)
			assert.Zero(t, asked, "%s was asked about what the room refuses", f.Name)

			was := h.Snapshot(muc.Live)
			verdict = &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "not here"}
			fx = h.Handle(c.asks)
			assert.Equal(t, 1, asked)
			h.IsRefused(stanza.ResourceConstraint)
			assert.Equal(t, muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "not here", Type: stanza.TypeWait}, *fx.Refused)
			assert.Empty(t, verdict.Type, "what the host gave is the host's")
			assert.Contains(t, xmlOf(fx.Outbound[0]), `<error type='wait' by='coven@chat.shakespeare.lit'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`)
			assert.Equal(t, string(was), string(h.Snapshot(muc.Live)))

			verdict = nil
			assert.Nil(t, h.Handle(c.asks).Refused)
		})
	}
}

// roomless are the functions of a Config that are not told which room calls them: what
// they say is the same in all rooms.
var roomless = []string{"NewID", "NormalizeDomain", "Nick", "Label", "AnswersIQ", "IsOwner", "ManyNicks", "IsBlocked"}

// Whatever else the host decides, it is told which room asks: many rooms share a
// template.
func TestHooksAreToldTheRoom(t *testing.T) {
	policy, _ := reflect.TypeFor[muc.Config]().FieldByName("Policy")
	hooks := reflect.VisibleFields(reflect.TypeFor[muc.Config]())
	for _, f := range policies() {
		f.Index = append(slices.Clone(policy.Index), f.Index...)
		hooks = append(hooks, f)
	}
	for _, f := range hooks {
		if f.Type.Kind() != reflect.Func || slices.Contains(roomless, f.Name) {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			require.Equal(t, 1, f.Type.NumIn())
			room, there := f.Type.In(0).FieldByName("Room")
			require.True(t, there && room.Type == reflect.TypeFor[muc.JID](), "%s is not told which room asks", f.Type.In(0))
			var told []any
			cfg := muc.Config{Instant: true, Archive: true}
			reflect.ValueOf(&cfg).Elem().FieldByIndex(f.Index).Set(reflect.MakeFunc(f.Type, func(args []reflect.Value) []reflect.Value {
				told = append(told, args[0].FieldByName("Room").Interface())
				return []reflect.Value{reflect.Zero(f.Type.Out(0))}
			}))
			stanza, h := asksHook(f.Name), unborn(t, cfg)
			if !trials[f.Name].unborn {
				h = coven(t, cfg)
			}
			h.Handle(stanza)
			require.NotEmpty(t, told)
			for _, room := range told {
				assert.Equal(t, h.Config.Room, room)
			}
		})
	}
}

// asksHook is a stanza that a function of the Config is asked about.
func asksHook(name string) string {
	switch name {
	case "AsksJoin":
		name = "Join"
	case "InviteBody":
		name = "Invite"
	}
	return trials[name].asks
}

// A refusal that no stanza could hold is made into one that it can.
func TestPoliciesGoneWrong(t *testing.T) {
	for verdict, want := range map[*muc.StanzaError]string{
		{}:                         `<error type='cancel' by='coven@chat.shakespeare.lit'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
		{Condition: "no such/><a"}: `<error type='cancel' by='coven@chat.shakespeare.lit'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
		{Condition: stanza.Forbidden, Type: "maybe", Text: "\x00", App: stanza.AppCondition{Space: "'", Local: "a"}}: `<error type='auth' by='coven@chat.shakespeare.lit'>` +
			`<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`,
		{Condition: stanza.Forbidden, Text: "<&>", App: stanza.AppCondition{Space: "urn:example", Local: "hush"}}: `<error type='auth' by='coven@chat.shakespeare.lit'>` +
			`<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>&lt;&amp;&gt;</text><hush xmlns='urn:example'/></error>`,
	} {
		h := open(t, muc.Config{Instant: true, Policy: policy.Rules{Speak: func(policy.Speak) *muc.StanzaError { return verdict }}})
		fx := h.Handle(message("<body>boo</body>"))
		assert.Contains(t, xmlOf(fx.Outbound[0]), want)
		h.RefusesAs(crone, because(fx.Refused.Condition), muc.Say{Body: "boo"})
	}
}

// A host may count the rooms of each of its users, and refuse one more.
//
// rows: L13
func TestRoomsPerPerson(t *testing.T) {
	rooms := map[muc.JID]int{}
	cfg := muc.Config{Policy: policy.Rules{Create: func(q policy.Create) *muc.StanzaError {
		if rooms[q.Creator.Bare()] >= 1 {
			return &muc.StanzaError{Condition: stanza.ResourceConstraint, Text: "one room is enough"}
		}
		return nil
	}}}
	first := unborn(t, cfg)
	first.Join("crone@shakespeare.lit/desktop", "firstwitch")
	rooms[crone.Bare()]++
	second := unborn(t, cfg)
	refused := second.Client("crone@shakespeare.lit/phone")
	refused.Joins("firstwitch")
	refused.ReceivesOnly(muctest.Error(stanza.ResourceConstraint, stanza.TypeWait))
	assert.Equal(t, muc.Unborn, second.State())
	assert.Nil(t, second.Client("bard@shakespeare.lit/globe").Joins("bard").Refused)
}

// A room is restored without a word from its host: whatever a Config can be asked
// was asked when it happened.
func TestReplayAsksNobody(t *testing.T) {
	h := coven(t, muc.Config{Registration: muc.RegistrationOpen, Defaults: muc.RoomConfig{Moderated: true, Persistent: true},
		IsOwner: func(j muc.JID) bool { return j.Domain() == "admin.lit" }, AnswersIQ: func(string, string) bool { return true }})
	h.Client("fleance@admin.lit/pda").Joins("👩‍💻")
	h.Handle(message("<body>boo</body>"))
	h.Handle(message("<subject>Trouble</subject>"))
	h.Handle(registers("hecate@shakespeare.lit/broom", "Hecate"))
	h.Handle(wantsVoice("hecate@shakespeare.lit/broom"))
	h.Handle(invites("crone@shakespeare.lit/desktop", "bard@shakespeare.lit"))
	h.Handle(asks("bard@shakespeare.lit/globe"))
	h.Handle(configSubmit("c", "muc#roomconfig_roomname", "Heath"))
	h.Do(muc.Join{JID: bard, Nick: "Bard"})
	h.Do(muc.SetRole{Nick: "Bard", Role: muc.Participant})

	deaf := h.Config
	v := reflect.ValueOf(&deaf).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type.Kind() == reflect.Func {
			v.FieldByIndex(f.Index).Set(reflect.MakeFunc(f.Type, func([]reflect.Value) []reflect.Value { panic(f.Name + " was asked") }))
		}
	}
	live := string(h.Snapshot(muc.Live))
	for name, restore := range map[string]func() (*muc.Room, error){
		"events":   func() (*muc.Room, error) { return muc.Restore(deaf, nil, h.Events()) },
		"snapshot": func() (*muc.Room, error) { return muc.Restore(deaf, []byte(live), nil) },
	} {
		room, err := restore()
		require.NoError(t, err, name)
		assert.Equal(t, live, string(room.Snapshot(muc.Live)), name)
		room.Deadline()
		for range room.Occupants() {
			room.Summary()
		}
	}
}

// None of the policies is asked about what the host does by itself.
func TestPoliciesLeaveTheHostAlone(t *testing.T) {
	cfg := muc.Config{Instant: true}
	h := coven(t, cfg)
	for _, f := range policies() {
		reflect.ValueOf(&cfg.Policy).Elem().FieldByIndex(f.Index).Set(reflect.MakeFunc(f.Type, func([]reflect.Value) []reflect.Value { panic(f.Name + " was asked") }))
	}
	cfg.Room, cfg.Secret = h.Config.Room, h.Config.Secret
	room, err := muc.Restore(cfg, h.Snapshot(muc.Live), nil)
	require.NoError(t, err)
	h.Room = room
	for _, cmd := range []muc.Command{muc.Reset{Config: muc.RoomConfig{MembersOnly: true, Persistent: true}}, muc.Invite{To: hecate},
		muc.SetAffiliation{JID: bard, Affiliation: muc.Admin, Nick: "Bard"}, muc.Join{JID: bard, Nick: "Bard"}, muc.Say{Body: "boo"},
		muc.SetSubject{Subject: "Trouble"}, muc.SetRole{Nick: "secondwitch", Role: muc.Visitor}, muc.Kick{Nick: "secondwitch"}, muc.Destroy{}} {
		h.Do(cmd)
	}
}
