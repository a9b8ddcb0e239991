package adhoc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/internal/adhoc"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// asker is who asks, and what came of it.
type asker struct {
	mayPaint bool
	painted  string
}

var colours = []form.Option{{Value: "red", Label: "Red"}, {Value: "blue", Label: "Blue"}}

// commands are one that needs nothing, and one of two steps.
var commands = adhoc.Set[*asker]{
	{Node: "count", Name: "Count", Do: func(*asker, *form.Submission) (*adhoc.Result, *stanza.Error) {
		return &adhoc.Result{Table: &form.Table{Title: "Walls", Columns: []form.Field{{Name: "wall", Type: "text-single", Label: "Wall"}, {Name: "colour"}},
			Rows: [][]string{{"north", "red"}, {"south", ""}}}}, nil
	}},
	{Node: "paint", Name: "Paint", May: func(a *asker) bool { return a.mayPaint },
		Form: func(*asker) (*adhoc.Form, *stanza.Error) {
			return &adhoc.Form{Type: "urn:walls", Title: "Paint a wall", More: true, Fields: []form.Field{
				{Name: "wall", Type: "text-single", Label: "Wall", Required: true}, {Name: "fast", Type: "boolean", Label: "Fast"}}}, nil
		},
		Do: func(a *asker, sub *form.Submission) (*adhoc.Result, *stanza.Error) {
			wall := form.First(sub.Field("wall").Values)
			ask := &adhoc.Form{Type: "urn:walls", Fields: []form.Field{{Name: "wall", Type: "hidden", Values: []string{wall}},
				{Name: "colour", Type: "list-single", Label: "Colour", Required: true, Options: colours}}}
			got := sub.Field("colour")
			switch {
			case wall == "east":
				return nil, adhoc.Refuse("there is no such wall")
			case got == nil:
				return &adhoc.Result{Ask: ask}, nil
			}
			a.painted = wall + " " + form.First(got.Values)
			return &adhoc.Result{Note: "It is painted."}, nil
		}},
}

const space = "xmlns='http://jabber.org/protocol/commands'"

// execute carries out a step: attributes of the command, and pairs of fields and values
// of a form, if any.
func execute(t *testing.T, a *asker, attrs string, fields ...string) (string, *stanza.Error) {
	t.Helper()
	inner := ""
	if len(fields) > 0 {
		inner = "<x xmlns='jabber:x:data' type='submit'>"
		for i := 0; i < len(fields); i += 2 {
			inner += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
		}
		inner += "</x>"
	}
	if strings.HasPrefix(attrs, "!") { // a form that was cancelled
		attrs, inner = attrs[1:], "<x xmlns='jabber:x:data' type='cancel'/>"
	}
	n := xmlwire.ParseNode("<command " + space + " " + attrs + ">" + inner + "</command>")
	answer, e := commands.Execute(a, adhoc.Request{Command: &n, Session: "new", Longest: 20})
	if e != nil {
		assert.Nil(t, answer)
		return "", e
	}
	var w xmlwire.Writer
	answer(&w)
	return string(w.Bytes), nil
}

func TestACommandWithoutForm(t *testing.T) {
	got, e := execute(t, &asker{}, "node='count' sessionid='mine'")
	require.Nil(t, e)
	assert.Equal(t, "<command "+space+" node='count' sessionid='mine' status='completed'><x xmlns='jabber:x:data' type='result'><title>Walls</title>"+
		"<reported><field var='wall' type='text-single' label='Wall'/><field var='colour'/></reported>"+
		"<item><field var='wall'><value>north</value></field><field var='colour'><value>red</value></field></item>"+
		"<item><field var='wall'><value>south</value></field><field var='colour'><value/></field></item></x></command>", got)
	_, e = execute(t, &asker{}, "node='count' action='prev'")
	require.NotNil(t, e)
	assert.Equal(t, "malformed-action", e.App.Local)
}

// A command of two steps, there and back: what the second one needs of the first is in
// its form.
func TestACommandInSteps(t *testing.T) {
	a := &asker{mayPaint: true}
	first := "<x xmlns='jabber:x:data' type='form'><title>Paint a wall</title><field var='FORM_TYPE' type='hidden'><value>urn:walls</value></field>" +
		"<field var='wall' type='text-single' label='Wall'><required/>%</field><field var='fast' type='boolean' label='Fast'/></x>"
	executing := "<command " + space + " node='paint' sessionid='new' status='executing'>"
	next := "<actions execute='next'><next/></actions>"
	got, e := execute(t, a, "node='paint'")
	require.Nil(t, e)
	assert.Equal(t, executing+next+strings.ReplaceAll(first, "%", "")+"</command>", got)

	got, e = execute(t, a, "node='paint' sessionid='new' action='next'", "FORM_TYPE", "urn:walls", "wall", "north")
	require.Nil(t, e)
	assert.Equal(t, executing+"<actions execute='complete'><prev/><complete/></actions><x xmlns='jabber:x:data' type='form'>"+
		"<field var='FORM_TYPE' type='hidden'><value>urn:walls</value></field><field var='wall' type='hidden'><value>north</value></field>"+
		"<field var='colour' type='list-single' label='Colour'><required/><option label='Red'><value>red</value></option>"+
		"<option label='Blue'><value>blue</value></option></field></x></command>", got)
	assert.Empty(t, a.painted)

	got, e = execute(t, a, "node='paint' sessionid='new' action='prev'", "wall", "north")
	require.Nil(t, e)
	assert.Equal(t, executing+next+strings.ReplaceAll(first, "%", "<value>north</value>")+"</command>", got)

	got, e = execute(t, a, "node='paint' sessionid='new'", "wall", "north", "colour", "blue")
	require.Nil(t, e)
	assert.Equal(t, "<command "+space+" node='paint' sessionid='new' status='completed'><note type='info'>It is painted.</note></command>", got)
	assert.Equal(t, "north blue", a.painted)

	for _, attrs := range []string{"node='paint' sessionid='new' action='cancel'", "!node='paint' sessionid='new'"} {
		got, e = execute(t, a, attrs)
		require.Nil(t, e)
		assert.Equal(t, "<command "+space+" node='paint' sessionid='new' status='canceled'/>", got)
	}
}

func TestCommandsRefused(t *testing.T) {
	a := &asker{mayPaint: true}
	for _, c := range []struct {
		attrs     string
		fields    []string
		condition stanza.Condition
		app       string
	}{
		{"node='dance'", nil, stanza.ItemNotFound, ""},
		{"action='execute'", nil, stanza.ItemNotFound, ""},
		{"node='paint' action='jump'", nil, stanza.BadRequest, "malformed-action"},
		{"node='paint' action='complete'", nil, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"FORM_TYPE", "urn:other", "wall", "north"}, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"fast", "1"}, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"wall", ""}, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"wall", "north", "wall", "south"}, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"wall", "north", "fast", "very"}, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"wall", "east"}, stanza.BadRequest, "bad-payload"},
		{"node='paint'", []string{"wall", "a wall as long as China"}, stanza.PolicyViolation, ""},
		{"node='paint' sessionid='" + strings.Repeat("x", 257) + "'", nil, stanza.BadRequest, "bad-sessionid"},
	} {
		_, e := execute(t, a, c.attrs, c.fields...)
		require.NotNil(t, e, c.attrs)
		assert.Equal(t, c.condition, e.Condition, "%s %v", c.attrs, c.fields)
		assert.Equal(t, c.app, e.App.Local, "%s %v", c.attrs, c.fields)
	}
	assert.Empty(t, a.painted)

	for _, fields := range [][]string{nil, {"wall", "north", "colour", "red"}} {
		_, e := execute(t, &asker{}, "node='paint'", fields...)
		require.NotNil(t, e)
		assert.Equal(t, stanza.Forbidden, e.Condition)
		assert.Equal(t, stanza.TypeCancel, e.Type, "XEP-0050 §4.4")
	}
}

// People see the commands that they may carry out, in their language.
func TestListOfCommands(t *testing.T) {
	word := func(field, text string) string { return strings.ToUpper(text) }
	var w xmlwire.Writer
	commands.WriteItems(&w, &asker{}, "a@b", nil)
	assert.Equal(t, "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'><item jid='a@b' node='count' name='Count'/></query>", string(w.Bytes))
	w = xmlwire.Writer{}
	commands.WriteItems(&w, &asker{mayPaint: true}, "a@b", word)
	assert.Contains(t, string(w.Bytes), "<item jid='a@b' node='paint' name='PAINT'/>")

	for node, want := range map[string]string{"count": "type='command-node' name='COUNT'", "http://jabber.org/protocol/commands": "type='command-list' name='COMMANDS'"} {
		answer, e := commands.Info(&asker{}, node, word)
		require.Nil(t, e)
		w = xmlwire.Writer{}
		answer(&w)
		assert.Equal(t, "<query xmlns='http://jabber.org/protocol/disco#info' node='"+node+"'><identity category='automation' "+want+"/>"+
			"<feature var='http://jabber.org/protocol/commands'/><feature var='jabber:x:data'/></query>", string(w.Bytes))
	}
	for _, node := range []string{"paint", "dance"} {
		_, e := commands.Info(&asker{}, node, nil)
		require.NotNil(t, e, node)
		assert.Equal(t, stanza.ItemNotFound, e.Condition)
	}
	n := xmlwire.ParseNode("<command " + space + " node='paint'/>")
	answer, e := commands.Execute(&asker{mayPaint: true}, adhoc.Request{Command: &n, Word: word})
	require.Nil(t, e)
	w = xmlwire.Writer{}
	answer(&w)
	assert.Contains(t, string(w.Bytes), "<title>PAINT A WALL</title>")
	assert.Contains(t, string(w.Bytes), "label='WALL'")
}

func TestValuesForFields(t *testing.T) {
	number := form.Field{Type: "text-single", Lo: 1, Hi: 9}
	open := form.Field{Type: "list-multi", Options: colours, Open: true}
	listed := form.Field{Type: "list-multi", Options: colours}
	for _, c := range []struct {
		field  form.Field
		values []string
		want   string
	}{
		{number, []string{"9"}, ""},
		{number, []string{"10"}, "is a number from 1 to 9"},
		{number, []string{"x"}, "is a number from 1 to 9"},
		{number, nil, ""},
		{number, []string{"1", "2"}, "takes one value"},
		{open, []string{"green", "red"}, ""},
		{listed, []string{"blue", "red"}, ""},
		{listed, []string{"green"}, "offers no such choice"},
	} {
		assert.Equal(t, c.want, c.field.Wrong(c.values), "%v", c.values)
	}
}
