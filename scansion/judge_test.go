package scansion

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
)

// What the library does is what its own scripts ask for, in the mode for others as well.
func TestOwnScriptsAreKept(t *testing.T) {
	files, err := Files("../testdata")
	require.NoError(t, err)
	for _, file := range files {
		script, err := ParseFile(file)
		require.NoError(t, err)
		v, err := Judge(script, Options{})
		require.NoError(t, err)
		for _, a := range v.Asks {
			assert.Equal(t, Kept, a.Outcome, "%s: %s", file, a.Mark)
		}
		for _, f := range v.Findings {
			t.Errorf("%s: %s\n%s\nwanted\n%s\ncame\n%s\n%v", f.Where, f.Reason, f.Marks, f.Wanted, f.Came, f.Differences)
		}
	}
}

// answers is a stage where a stanza is answered as a test says, by its id.
type answers struct {
	player *player
	by     map[string][]string // lines "Romeo <presence/>"
	fields []string
	has    []string
	t      *testing.T
}

func (a *answers) begin() error                                { return nil }
func (a *answers) end()                                        {}
func (a *answers) tick() error                                 { return nil }
func (a *answers) pass(time.Duration) error                    { return nil }
func (a *answers) clock() time.Time                            { return Epoch }
func (a *answers) connect(*user) error                         { return nil }
func (a *answers) disconnect(*user) error                      { return nil }
func (a *answers) do(muc.JID, hostCommand) error               { return nil }
func (a *answers) doEverywhere(hostCommand) error              { return skip("no host") }
func (a *answers) reply(*action) error                         { return nil }
func (a *answers) more(*user) (bool, error)                    { return false, nil }
func (a *answers) settle() error                               { return nil }
func (a *answers) features() ([]string, error)                 { return a.has, nil }
func (a *answers) formFields(*user, muc.JID) ([]string, error) { return a.fields, nil }
func (a *answers) send(_ *user, _ muc.JID, el *etree.Element) error {
	for _, line := range a.by[el.SelectAttrValue("id", "")] {
		name, src, _ := strings.Cut(line, " ")
		for _, u := range a.player.users {
			if u.Name == name {
				u.inbox = append(u.inbox, mail{stanza: readStanza(a.t, src), cause: a.player.current})
			}
		}
	}
	return nil
}

// judged is the verdict on a service that answers like that.
func judged(t *testing.T, src string, a *answers) Verdict {
	t.Helper()
	script, err := Parse("a.scs", []byte(src))
	require.NoError(t, err)
	p, err := newPlayer(script, Options{Mode: Spec})
	require.NoError(t, err)
	p.mode, p.stage, a.player, a.t = Spec, a, p, t
	v, err := newJudge(p).judge()
	require.NoError(t, err)
	return v
}

const (
	heads = `# asks: MUST §8.1 "main"
# asks: SHOULD §7.4 "keeps the 'id'"
[Client] Romeo
	jid: romeo@example.org
[Client] Juliet
	jid: juliet@example.org
-----
Romeo connects
Juliet connects
`
	said = "Romeo sends:\n\t<message to='r@c.example' type='groupchat' id='m1'><body>Hi</body></message>\n" +
		"Romeo receives:\n\t<message from='r@c.example/Romeo' type='groupchat' id='m1'><body>Hi</body></message>\n" +
		"Juliet receives:\n\t<message from='r@c.example/Romeo' type='groupchat' id='m1'><body>Hi</body></message>\n"
	later = "# asks: MAY §9 \"later\"\nRomeo sends:\n\t<iq to='r@c.example' type='set' id='later'><query xmlns='urn:q'/></iq>\nRomeo receives:\n\t<iq from='r@c.example' id='later' type='result'/>\n"
	hi    = `<message from='r@c.example/Romeo' type='groupchat' id='m1'><body>Hi</body></message>`
	done  = `Romeo <iq from='r@c.example' id='later' type='result'/>`
)

func outcomes(v Verdict) (all []Outcome) {
	for _, a := range v.Asks {
		all = append(all, a.Outcome)
	}
	return all
}

func TestJudge(t *testing.T) {
	ask := func(line string) string { return "# asks: " + line + "\n" }
	query := "Romeo sends:\n\t<iq to='r@c.example' type='get' id='q'><query xmlns='urn:q'/></iq>\n" +
		"Romeo receives:\n\t<iq from='r@c.example' id='q' type='result'><query xmlns='urn:q'><item/></query></iq>\n"
	refused := "Romeo sends:\n\t<iq to='r@c.example' type='set' id='s'><query xmlns='urn:q'/></iq>\n" +
		"Romeo receives:\n\t<iq from='r@c.example' id='s' type='error'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n"
	tests := []struct {
		name, script string
		by           map[string][]string
		outcomes     []Outcome
		reasons      []string
	}{
		{"all is kept, in any order", said + later, map[string][]string{"m1": {"Juliet " + hi, "Romeo " + hi}, "later": {done}},
			[]Outcome{Kept, Kept, Kept}, nil},
		{"a stanza does not come: the rest means nothing", said + later, map[string][]string{"m1": {"Romeo " + hi}, "later": {done}},
			[]Outcome{Broken, Unreached, Unreached}, []string{"nothing came"}},
		{"it is asked for by itself: the rest is played", strings.Replace(said, "Juliet receives", ask(`MAY §7.5 "alone"`)+"Juliet receives", 1) + later,
			map[string][]string{"m1": {"Romeo " + hi}, "later": {done}}, []Outcome{Kept, Kept, Broken, Kept}, []string{"nothing came"}},
		{"a round with a mark ends the script: what came before it counts", said + ask("choice: so") + query + later,
			map[string][]string{"m1": {"Juliet " + hi, "Romeo " + hi, `Romeo <presence from='r@c.example/x' type='unavailable'/>`}, "q": nil},
			[]Outcome{Broken, Unreached, Unreached, Unreached}, []string{"Romeo got what nobody expects"}},
		{"a question changes nothing: the script goes on", said + query + later,
			map[string][]string{"m1": {"Juliet " + hi, "Romeo " + hi}, "q": {`Romeo <iq from='r@c.example' id='q' type='error'/>`}, "later": {done}},
			[]Outcome{Broken, Kept, Kept}, []string{"none of the 1 stanzas"}},
		{"another error: the script goes on", said + ask(`MUST §8 "forbidden"`) + refused + later,
			map[string][]string{"m1": {"Juliet " + hi, "Romeo " + hi}, "later": {done},
				"s": {`Romeo <iq from='r@c.example' id='s' type='error'><error><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`}},
			[]Outcome{Kept, Kept, Broken, Kept}, []string{"none of the 1 stanzas"}},
		{"no error: it does not", said + ask(`MUST §8 "forbidden"`) + refused + later,
			map[string][]string{"m1": {"Juliet " + hi, "Romeo " + hi}, "later": {done}, "s": {`Romeo <iq from='r@c.example' id='s' type='result'/>`}},
			[]Outcome{Kept, Kept, Broken, Unreached}, []string{"none of the 1 stanzas"}},
		{"what is asked for less strongly", said, map[string][]string{"m1": {"Juliet " + strings.ReplaceAll(hi, " id='m1'", ""), "Romeo " + hi}},
			[]Outcome{Kept, Broken}, []string{"it came without what is asked for there"}},
		{"what nobody expects", said + "Juliet receives: nothing\n" + later,
			map[string][]string{"m1": {"Juliet " + hi, "Juliet " + hi, "Romeo " + hi}, "later": {done}},
			[]Outcome{Broken, Unreached, Unreached}, []string{"Juliet got what nobody expects"}},
		{"the same in a round with a mark", said + ask("choice: so") + query + later,
			map[string][]string{"m1": {"Juliet " + hi, "Romeo " + hi}, "q": {"Juliet " + hi, `Romeo <iq from='r@c.example' id='q' type='result'><query xmlns='urn:q'><item/></query></iq>`}, "later": {done}},
			[]Outcome{Kept, Kept, Broken, Unreached}, []string{"Juliet got what nobody expects"}},
		{"what may come", said + later,
			map[string][]string{"m1": {"Juliet " + hi, `Juliet <message from='r@c.example'><body>Welcome</body></message>`, "Romeo " + hi}, "later": {done}},
			[]Outcome{Kept, Kept, Kept}, nil},
	}
	for _, tt := range tests {
		v := judged(t, heads+tt.script, &answers{by: tt.by})
		assert.Equal(t, tt.outcomes, outcomes(v), tt.name)
		if assert.Len(t, v.Findings, len(tt.reasons), tt.name) {
			for i, reason := range tt.reasons {
				assert.Contains(t, v.Findings[i].Reason, reason, tt.name)
			}
		}
		assert.Empty(t, v.Skipped, tt.name)
	}
}

// In the round in which somebody enters, and in which somebody takes another nick, order counts.
func TestJudgeOrder(t *testing.T) {
	const (
		enters = "Romeo sends:\n\t<presence to='r@c.example/Romeo' id='in'><x xmlns='http://jabber.org/protocol/muc'/></presence>\n"
		other  = "<presence from='r@c.example/Juliet'>" + x + "<item affiliation='none' role='participant'/></x></presence>"
		self   = "<presence from='r@c.example/Romeo'>" + x + "<item affiliation='none' role='participant'/><status code='110'/></x></presence>"
		topic  = "<message type='groupchat' from='r@c.example'><subject/></message>"
		gone   = "<presence type='unavailable' from='r@c.example/Juliet'>" + x + "<item nick='J' affiliation='none' role='participant'/><status code='303'/></x></presence>"
		came   = "<presence from='r@c.example/J'>" + x + "<item affiliation='none' role='participant'/></x></presence>"
	)
	receives := func(all ...string) (s string) {
		for _, one := range all {
			s += "Romeo receives:\n\t" + one + "\n"
		}
		return s
	}
	script := heads + enters + receives(other, self, topic) +
		"Juliet sends:\n\t<presence to='r@c.example/J' id='n'/>\n" + receives(gone, came)
	in := []string{"Romeo " + other, "Romeo " + self, "Romeo " + topic}
	moved := []string{"Romeo " + gone, "Romeo " + came}
	assert.Empty(t, judged(t, script, &answers{by: map[string][]string{"in": in, "n": moved}}).Findings)

	v := judged(t, script, &answers{by: map[string][]string{"in": {in[1], in[0], in[2]}, "n": moved}})
	if assert.Len(t, v.Findings, 1) {
		assert.Equal(t, "7.1", v.Findings[0].Marks[0].Section)
	}
	v = judged(t, script, &answers{by: map[string][]string{"in": in, "n": {moved[1], moved[0]}}})
	if assert.Len(t, v.Findings, 1) {
		assert.Equal(t, "7.6", v.Findings[0].Marks[0].Section)
	}
	v = judged(t, script, &answers{by: map[string][]string{"in": {"Romeo " + strings.Replace(other, "role", "jid='juliet@example.org/a' role", 1), in[1], in[2]}, "n": moved}})
	if assert.Len(t, v.Findings, 1, "a prohibition") {
		assert.Equal(t, "7.2.4", v.Findings[0].Marks[0].Section)
	}
}

// What a service does not have is not asked of it.
func TestJudgeSkips(t *testing.T) {
	v := judged(t, "# asks: MUST XEP-0421 §4 \"so\"\n"+heads+said, &answers{has: []string{"muc_open"}})
	assert.Equal(t, "its rooms do not have XEP-0421", v.Skipped)
	assert.Equal(t, []Outcome{Unreached, Unreached, Unreached}, outcomes(v))

	form := "Romeo sends:\n\t<iq to='r@c.example' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'>" +
		"<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_enablelogging'><value>1</value></field></x></query></iq>\n" +
		"Romeo receives:\n\t<iq from='r@c.example' id='c' type='result'/>\n"
	v = judged(t, heads+form, &answers{fields: []string{"muc#roomconfig_roomname"}})
	assert.Equal(t, "its rooms have no option muc#roomconfig_enablelogging", v.Skipped)
	v = judged(t, heads+form, &answers{
		fields: []string{"muc#roomconfig_enablelogging"}, by: map[string][]string{"c": {`Romeo <iq from='r@c.example' id='c' type='result'/>`}},
	})
	assert.Empty(t, v.Skipped)
	assert.Equal(t, []Outcome{Kept, Kept}, outcomes(v))

	v = judged(t, heads+"host: shutdown\n", &answers{})
	assert.Equal(t, "no host", v.Skipped)
}

// What goes wrong in a file that scripts share is nobody's sentence.
func TestJudgeBeginnings(t *testing.T) {
	files(t, map[string]string{"begin.scs": "-----\n" + said})
	v := judged(t, heads+"# include: begin.scs\n"+later, &answers{by: map[string][]string{"later": {done}}})
	require.NotEmpty(t, v.Findings)
	assert.Empty(t, v.Findings[0].Marks)
	assert.Equal(t, []Outcome{Unreached, Unreached, Unreached}, outcomes(v))
}

// Mode Spec is not blind: of all that a script names, most cannot be otherwise.
func TestSpecFindsBreaks(t *testing.T) {
	if _, err := os.Stat("../testdata"); err != nil {
		return
	}
	const name = "../testdata/07-02-entering/7.2.2-order-of-entering.scs"
	script, err := ParseFile(name)
	require.NoError(t, err)
	found, all := 0, 0
	for _, a := range script.actions {
		if a.expect == nil {
			continue
		}
		for _, m := range mutations(a.expect) {
			all++
			m.apply()
			v, err := Judge(script, Options{})
			m.undo()
			require.NoError(t, err)
			if len(v.Findings) > 0 {
				found++
			}
		}
	}
	assert.Greater(t, 2*found, all, "most of what is named matters: %d of %d", found, all)
}
