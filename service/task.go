package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/xmlwire"
)

// task is what a room is given to do that did not come off the wire.
type task struct {
	cmd muc.Command // nil for a tick
	as  muc.JID     // in whose name; zero for the host's own
	// goodbye is the presence of a session that has ended, whose JID is as: see
	// [Service.Offline].
	goodbye *etree.Element
	// read looks at the room, which changes nothing.
	read func(*muc.Room)
}

var tick = &task{}

func byHost(cmd muc.Command) *task { return &task{cmd: cmd} }

// do has a room do it.
func (t *task) do(now time.Time, live *muc.Room, room muc.JID) (muc.Effects, error) {
	switch {
	case t.read != nil:
		t.read(live)
		return muc.Effects{}, nil
	case t.goodbye != nil:
		return t.leave(now, live, room)
	case t.cmd == nil:
		return live.Tick(now)
	case t.as.IsZero():
		return live.Do(now, t.cmd)
	default:
		return live.DoAs(now, t.as, t.cmd)
	}
}

// leave has a session leave; what the room would refuse in its goodbye is left out.
func (t *task) leave(now time.Time, live *muc.Room, room muc.JID) (muc.Effects, error) {
	for _, el := range [...]*etree.Element{t.goodbye, goodbye(t.as, etree.NewElement("presence"))} {
		fx, err := live.Handle(now, addressedTo(room, el))
		if err != nil || fx.Refused == nil {
			return fx, err
		}
	}
	return muc.Effects{}, nil // the room has ended: there is nothing to leave
}

// commandsOfRooms are all commands, so that they can be read from what is stored. Configure is
// stored as Reset, with what came of it.
var commandsOfRooms = func() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, cmd := range [...]muc.Command{
		muc.Create{}, muc.Reset{}, muc.SetVCard{}, muc.Destroy{}, muc.Shutdown{},
		muc.Kick{}, muc.SetRole{}, muc.SetAffiliation{}, muc.RemoveAffiliation{}, muc.KickBlocked{}, muc.Vanished{}, muc.Forget{},
		muc.Join{}, muc.Rename{}, muc.Leave{},
		muc.Say{}, muc.SetSubject{}, muc.Moderate{}, muc.Invite{}, muc.ImportMessage{},
		muc.Answer{}, muc.DecideRegistration{},
		muc.CreateHat{}, muc.DestroyHat{}, muc.AssignHat{}, muc.UnassignHat{},
	} {
		t := reflect.TypeOf(cmd)
		types[t.Name()] = t
	}
	return types
}()

const (
	tickName    = "tick"
	goodbyeName = "goodbye"
)

// storedCommand is a task in JSON: its name, and what the fields of the command hold. Elements
// stand in it as XML.
type storedCommand struct {
	Name    string                     `json:"name"`
	Fields  map[string]json.RawMessage `json:"fields,omitempty"`
	Element string                     `json:"element,omitempty"`
}

// settled is what a task was, once it is done in a room, in a form that can be stored.
func (t *task) settled(live *muc.Room) *task {
	if t == nil || t.cmd == nil || reflect.Indirect(reflect.ValueOf(t.cmd)).Type() != reflect.TypeFor[muc.Configure]() {
		return t
	}
	return &task{cmd: muc.Reset{Config: live.RoomConfig()}, as: t.as}
}

// encode writes a task down. What cannot be written is nil.
func (t *task) encode() json.RawMessage {
	stored := storedCommand{Name: tickName}
	switch v := reflect.Indirect(reflect.ValueOf(t.cmd)); {
	case t.goodbye != nil:
		stored.Name, stored.Element = goodbyeName, xmlwire.Text(t.goodbye)
	case !v.IsValid():
	default:
		if stored.Name = v.Type().Name(); commandsOfRooms[stored.Name] != v.Type() {
			return nil
		}
		stored.Fields = map[string]json.RawMessage{}
		for field, value := range v.Fields() {
			if value.IsZero() {
				continue
			}
			text, err := encodeField(value)
			if err != nil {
				return nil
			}
			stored.Fields[field.Name] = text
		}
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return nil
	}
	return text
}

func encodeField(value reflect.Value) (json.RawMessage, error) {
	if el, is := value.Interface().(*etree.Element); is {
		return json.Marshal(xmlwire.Text(el))
	}
	return json.Marshal(value.Interface())
}

// errNoRedo: what is stored of an input does not say what it was.
var errNoRedo = errors.New("service: an input that cannot be done again")

// decodeTask reads what encode wrote.
func decodeTask(in *Input) (*task, error) {
	var stored storedCommand
	if err := json.Unmarshal(in.Command, &stored); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRedo, err)
	}
	switch t := commandsOfRooms[stored.Name]; {
	case stored.Name == tickName:
		return tick, nil
	case stored.Name == goodbyeName:
		el, err := xmlwire.ParseText(stored.Element)
		return &task{as: in.From, goodbye: el}, err
	case t == nil:
		return nil, fmt.Errorf("%w: there is no command %q", errNoRedo, stored.Name)
	default:
		v := reflect.New(t).Elem()
		for name, text := range stored.Fields {
			field := v.FieldByName(name)
			if !field.IsValid() {
				return nil, fmt.Errorf("%w: %s has no field %q", errNoRedo, stored.Name, name)
			}
			if err := decodeField(field, text); err != nil {
				return nil, err
			}
		}
		return &task{as: in.From, cmd: v.Interface().(muc.Command)}, nil
	}
}

func decodeField(field reflect.Value, text json.RawMessage) error {
	if field.Type() != reflect.TypeFor[*etree.Element]() {
		return json.Unmarshal(text, field.Addr().Interface())
	}
	var xml string
	if err := json.Unmarshal(text, &xml); err != nil {
		return err
	}
	el, err := xmlwire.ParseText(xml)
	field.Set(reflect.ValueOf(el))
	return err
}

// input writes down what a room was given in a call, and when it did it. A call that changes
// nothing by its nature is none.
func (o *outcome) input() (in Input, is bool) {
	in = Input{Time: time.UnixMilli(o.at).UTC(), Refused: o.refused}
	switch {
	case o.skip || o.err != nil:
		return in, false
	case o.stanza != nil:
		in.Stanza = xmlwire.Text(o.stanza.el)
		if from := o.stanza.source; from != nil {
			in.Source, in.Number = from.Name, from.Number
		}
	case o.task == nil || o.task.read != nil:
		return in, false
	default:
		in.Command, in.From = o.task.encode(), o.task.as
	}
	return in, true
}

// outcome is the call that an input was, to be done again. What is not known any more does
// nothing, which is seen by the events that are missing then.
func (in *Input) outcome() (o outcome) {
	o.at, o.refused = in.Time.UnixMilli(), in.Refused
	var err error
	switch {
	case in.Stanza != "":
		var el *etree.Element
		if el, err = xmlwire.ParseText(in.Stanza); err == nil {
			o.stanza = &incoming{el: el}
		}
	case in.Command != nil:
		o.task, err = decodeTask(in)
	}
	if err != nil {
		o.task = nil
	}
	return o
}

// noted is the number that was noted of a source last; zero for none.
func noted(sources []Source, name string) uint64 {
	if i := slices.IndexFunc(sources, func(x Source) bool { return x.Name == name }); i >= 0 {
		return sources[i].Number
	}
	return 0
}

// note takes in the number of an input. The sources are in the order in which something came
// from them last, and the first are forgotten if there are more than most.
func note(sources []Source, name string, number uint64, most int) []Source {
	if name == "" {
		return sources
	}
	sources = slices.DeleteFunc(sources, func(x Source) bool { return x.Name == name })
	sources = append(sources, Source{name, number})
	return slices.Delete(sources, 0, max(0, len(sources)-most))
}
