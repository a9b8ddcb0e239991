package service

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/internal/adhoc"
	"github.com/gomuc/muc/internal/form"
	"github.com/gomuc/muc/internal/ns"
	"github.com/gomuc/muc/internal/xmlwire"
	"github.com/gomuc/muc/stanza"
)

// Commands of administrators (XEP-0050, in the manner of XEP-0133). Nothing of them is
// remembered between their steps.

// admin is somebody who gives a command, or asks which there are.
type admin struct {
	s   *Service
	ctx context.Context
	who muc.JID // zero for the host itself
	is  bool    // an administrator
}

func (s *Service) admin(ctx context.Context, in *incoming) *admin {
	return &admin{s, ctx, in.from, s.cfg.Admin != nil && s.cfg.Admin(in.from)}
}

func (a *admin) may() bool { return a.is }

// commands are those of the service. It is filled in by init because commands lead back to
// the service.
var commands adhoc.Set[*admin]

func init() {
	commands = adhoc.Set[*admin]{
		{Node: "list-rooms", Name: "All rooms", May: (*admin).may, Form: (*admin).listForm, Do: (*admin).list},
		{Node: "show-room", Name: "What a room is", May: (*admin).may, Form: (*admin).showForm, Do: (*admin).show},
		{Node: "enter-room", Name: "Be invited to a room", May: (*admin).may, Form: (*admin).enterForm, Do: (*admin).enter},
		{Node: "create-room", Name: "Make a room", May: (*admin).may, Form: (*admin).createForm, Do: (*admin).create},
		{Node: "change-owner", Name: "Another owner for a room", May: (*admin).may, Form: (*admin).ownerForm, Do: (*admin).changeOwner},
		{Node: "destroy-room", Name: "Destroy a room", May: (*admin).may, Form: (*admin).destroyForm, Do: (*admin).destroy},
		{Node: "free-room", Name: "Free the address of a destroyed room", May: (*admin).may, Form: (*admin).freeForm, Do: (*admin).free},
		{Node: ns.Announce, Name: "Announcement to all rooms", May: (*admin).may, Form: (*admin).announceForm, Do: (*admin).announce},
	}
}

// commandTime is how long a command may wait for rooms and for the store.
const commandTime = time.Minute

// command carries out a step of a command. It is answered later, because a room may have
// to be loaded. Who is no administrator is refused at once, and takes no place of theirs.
func (s *Service) command(in *incoming, _ *etree.Element) (*reply, *muc.StanzaError) {
	query, e := in.query()
	if e != nil {
		return nil, e
	}
	if a := s.admin(s.ctx, in); !a.is {
		write, e := commands.Execute(a, s.commandRequest(in, query))
		if e != nil {
			return nil, e
		}
		return in.resultOf(write), nil
	}
	if e := s.postpone(); e != nil {
		return nil, e
	}
	if !s.countCommand(1) {
		s.answered()
		return nil, full("Too many commands are being carried out.")
	}
	go func() {
		defer s.answered()
		defer s.countCommand(-1)
		ctx, cancel := context.WithTimeout(s.ctx, commandTime)
		defer cancel()
		s.execute(ctx, in, query)
	}()
	return nil, nil
}

// countCommand counts a command more or less, if it is not too many.
func (s *Service) countCommand(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commands+n > s.cfg.Limits.Commands {
		return false
	}
	s.commands += n
	return true
}

// execute carries out a step of a command and answers it.
func (s *Service) execute(ctx context.Context, in *incoming, query *xmlwire.Node) {
	var answer *reply
	var e *muc.StanzaError
	err := guarded(func() error {
		var write func(w *xmlwire.Writer)
		write, e = commands.Execute(s.admin(ctx, in), s.commandRequest(in, query))
		if e == nil {
			answer = in.resultOf(write)
		}
		return nil
	})
	if err != nil {
		s.cfg.Log.Error("a command of an administrator panicked", "from", in.from, "error", err)
		e = broken()
	}
	if e != nil {
		s.refuse(s.ctx, in, e)
		return
	}
	s.send(s.ctx, answer)
}

func (s *Service) commandRequest(in *incoming, query *xmlwire.Node) adhoc.Request {
	return adhoc.Request{Command: query, Session: rand.Text(), Longest: commandBytes, Word: s.word(in)}
}

// commandBytes is how long one value in the form of a command may be.
const commandBytes = 16 << 10

// word puts texts into the language of somebody who asks, if the host does that for rooms.
func (s *Service) word(in *incoming) func(field, text string) string {
	if s.cfg.Room.Label == nil {
		return nil
	}
	lang := in.el.SelectAttrValue("xml:lang", "")
	return func(field, text string) string { return s.cfg.Room.Label(lang, field, text) }
}

// commandInfo tells what a node of the commands is (XEP-0050 §2.2).
func (s *Service) commandInfo(in *incoming, node string) (*reply, *muc.StanzaError) {
	if s.cfg.Admin == nil {
		return nil, noNode()
	}
	answer, e := commands.Info(s.admin(s.ctx, in), node, s.word(in))
	if e != nil {
		return nil, e
	}
	return in.resultOf(answer), nil
}

// commandItems lists the commands that somebody may use.
func (s *Service) commandItems(in *incoming, node string) (*reply, *muc.StanzaError) {
	if node != ns.Commands || s.cfg.Admin == nil {
		return nil, noNode()
	}
	return in.resultOf(func(w *xmlwire.Writer) { commands.WriteItems(w, s.admin(s.ctx, in), s.domain.String(), s.word(in)) }), nil
}

// The fields of the forms.
const (
	fieldRoom      = "room"
	fieldText      = "search"
	fieldFrom      = "after"
	fieldMost      = "max_items"
	fieldAs        = "as"
	fieldOwner     = "owner"
	fieldFormer    = "former"
	fieldReason    = "reason"
	fieldAlternate = "alternate"
	fieldSure      = "sure"
	fieldAnnounce  = "announcement"
	fieldName      = "name"
	fieldPublic    = "public"
	fieldMembers   = "membersonly"
)

// value is the one value of a field, empty for none.
func value(sub *form.Submission, name string) string {
	if f := sub.Field(name); f != nil {
		return strings.TrimSpace(form.First(f.Values))
	}
	return ""
}

// adminForm is a form of a command.
func adminForm(title, instructions string, fields ...form.Field) *adhoc.Form {
	return &adhoc.Form{Type: ns.ServiceAdmin, Title: title, Instructions: instructions, Fields: fields}
}

// roomField asks which room is meant.
func roomField() form.Field {
	return form.Field{Name: fieldRoom, Type: "jid-single", Label: "Address of the room", Required: true}
}

func (a *admin) room(sub *form.Submission) (muc.JID, *muc.StanzaError) {
	room := a.s.roomIn(sub)
	if room.IsZero() {
		return room, adhoc.Refuse("That is no address of a room here.")
	}
	return room, nil
}

// roomIn is the room that a form names: by its address, or by what stands before the @. Zero if that is none.
func (s *Service) roomIn(sub *form.Submission) muc.JID {
	text := value(sub, fieldRoom)
	if !strings.Contains(text, "@") {
		text += "@" + s.cfg.Domain
	}
	room, err := muc.ParseJID(text)
	if err != nil || room.Domain() != s.cfg.Domain || room.Local() == "" || !room.IsBare() {
		return muc.JID{}
	}
	return room
}

// CommandRoom is the room to which a command of an administrator is to be done, as a step of it names it; zero for
// another stanza, and for a step that names none. Where several services share a domain (Config.Owns), the host gives
// the stanza to the one that has the room. Nothing is judged here.
func (s *Service) CommandRoom(el *etree.Element) muc.JID {
	in := incoming{el: el}
	if space, _ := in.payload(); s.cfg.Admin == nil || el.Tag != "iq" || space != ns.Commands {
		return muc.JID{}
	}
	query, e := in.query()
	if e != nil {
		return muc.JID{}
	}
	if sub, e := (&adhoc.Request{Command: query, Longest: commandBytes}).Submission(); e == nil && sub != nil {
		return s.roomIn(sub)
	}
	return muc.JID{}
}

// do has a room do something, and says what kept it from that.
func (a *admin) do(room muc.JID, cmd muc.Command) *muc.StanzaError {
	_, err := a.s.Do(a.ctx, room, cmd)
	return refusalOf(err)
}

func refusalOf(err error) *muc.StanzaError {
	var e *muc.StanzaError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, muc.ErrNotOpen):
		return noRoom()
	case errors.As(err, &e):
		return e
	}
	return broken()
}

func noRoom() *muc.StanzaError {
	return &muc.StanzaError{Condition: stanza.ItemNotFound, Text: "There is no such room.", Section: "XEP-0045 §7.2.11"}
}

// Listing all rooms.

func (a *admin) listForm() (*adhoc.Form, *muc.StanzaError) {
	most := a.s.cfg.Limits.Page
	return adminForm("All rooms", "Hidden rooms are among them. Where there are more, the answer says after which room to go on.",
		form.Field{Name: fieldText, Type: "text-single", Label: "Only rooms with this in the address or the name"},
		form.Field{Name: fieldFrom, Type: "text-single", Label: "Only rooms after this one"},
		form.Field{Name: fieldMost, Type: "text-single", Label: "How many at the most", Lo: 1, Hi: most, Values: []string{strconv.Itoa(min(most, 50))}}), nil
}

func (a *admin) list(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	most, err := strconv.Atoi(value(sub, fieldMost))
	if err != nil {
		most = min(a.s.cfg.Limits.Page, 50)
	}
	var after muc.JID
	if from := value(sub, fieldFrom); from != "" {
		if after, err = muc.ParseJID(from); err != nil {
			return nil, adhoc.Refuse("There is no room to go on after.")
		}
	}
	text := fold(value(sub, fieldText))
	table := &form.Table{Type: ns.ServiceAdmin, Title: "All rooms", Columns: []form.Field{
		{Name: fieldRoom, Type: "jid-single", Label: "Address"}, {Name: "name", Type: "text-single", Label: "Name"},
		{Name: "occupants", Type: "text-single", Label: "People inside"}, {Name: "public", Type: "boolean", Label: "Public"},
		{Name: "lasting", Type: "boolean", Label: "Stays when it is empty"}, {Name: "creator", Type: "jid-single", Label: "Created by"}}}
	result := &adhoc.Result{Table: table}
	last, bytes := "", a.s.cfg.Limits.PageBytes
	for e, err := range a.s.roomsAfter(a.ctx, after) {
		if err != nil {
			return nil, refusalOf(err)
		}
		if !strings.Contains(fold(e.Room.String()), text) && !strings.Contains(fold(e.Name), text) {
			continue
		}
		row := []string{e.Room.String(), shortened(e.Name, nameBytes), strconv.Itoa(a.s.occupants(e.Room)), form.Bool(e.Public), form.Bool(e.Lasting), e.Creator.String()}
		bytes -= rowMarkup
		for _, v := range row {
			bytes -= xmlwire.EscapedLen(v)
		}
		if n := len(table.Rows); n == most || n > 0 && bytes < 0 {
			result.Note = "There are more rooms after " + last + "."
			break
		}
		table.Rows, last = append(table.Rows, row), e.Room.String()
	}
	return result, nil
}

// rowMarkup is what a row of the list takes beside what stands in it.
const rowMarkup = 320

// occupants is how many people are in a room, also of another service.
func (s *Service) occupants(room muc.JID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[room]; r != nil {
		return r.people
	}
	return s.counted[room]
}

// Looking at a room.

func (a *admin) showForm() (*adhoc.Form, *muc.StanzaError) {
	return adminForm("What a room is", "", roomField()), nil
}

func (a *admin) show(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	room, e := a.room(sub)
	if e != nil {
		return nil, e
	}
	var fields []form.Field
	there := false
	err := a.s.Read(a.ctx, room, func(live *muc.Room) {
		if there = live.State() != muc.Unborn; there {
			fields = describe(live, a.s.cfg.Limits.PageBytes)
		}
	})
	switch {
	case err != nil:
		return nil, refusalOf(err)
	case !there:
		return nil, noRoom()
	}
	return &adhoc.Result{Form: adminForm(room.String(), "", fields...)}, nil
}

// describe tells what a room is, and of the people in it as many as fit.
func describe(live *muc.Room, bytes int) []form.Field {
	c := live.RoomConfig()
	states := map[muc.State]string{muc.Locked: "not configured yet", muc.Open: "open", muc.Destroyed: "destroyed"}
	counts := map[muc.Affiliation]int{}
	var owners, inside []string
	fits := func(list []string, line string) []string {
		if bytes -= xmlwire.EscapedLen(line) + len("<value></value>"); bytes < 0 {
			return list
		}
		return append(list, line)
	}
	for who, aff := range live.Affiliations() {
		if counts[aff]++; aff == muc.Owner {
			owners = fits(owners, who.String())
		}
	}
	for o := range live.Occupants() {
		inside = fits(inside, o.Nick+" ("+o.JID.String()+")")
	}
	subject, _ := live.Subject()
	text := func(name, label, v string) form.Field {
		return form.Field{Name: name, Type: "text-single", Label: label, Values: []string{v}}
	}
	flag := func(name, label string, on bool) form.Field {
		return form.Field{Name: name, Type: "boolean", Label: label, Values: []string{form.Bool(on)}}
	}
	return []form.Field{
		text("state", "State", states[live.State()]),
		text("name", "Name", c.Name),
		text("description", "Description", c.Description),
		text("subject", "Subject", subject),
		{Name: "creator", Type: "jid-single", Label: "Created by", Values: []string{live.Creator().String()}},
		flag("public", "Public", !c.Hidden),
		flag("lasting", "Stays when it is empty", c.Persistent),
		flag("membersonly", "Members only", c.MembersOnly),
		flag("password", "Protected by a password", c.Password != ""),
		flag("moderated", "Moderated", c.Moderated),
		flag("nonanonymous", "Everybody sees real addresses", c.Whois == muc.WhoisAnyone),
		{Name: "owners", Type: "jid-multi", Label: "Owners", Values: owners},
		text("admins", "Number of admins", strconv.Itoa(counts[muc.Admin])),
		text("members", "Number of members", strconv.Itoa(counts[muc.Member])),
		text("outcasts", "Number of banned people", strconv.Itoa(counts[muc.Outcast])),
		text("occupants", "Number of people inside", strconv.Itoa(live.Summary().Occupants)),
		{Name: "inside", Type: "text-multi", Label: "People inside", Values: inside},
		text("bytes", "Memory, in bytes", strconv.Itoa(live.Size())),
	}
}

// Entering any room.

// asOptions are as what an administrator enters, by value.
var asOptions = []struct {
	option form.Option
	aff    muc.Affiliation
}{
	{form.Option{Value: "guest", Label: "Guest"}, muc.AffiliationNone},
	{form.Option{Value: "member", Label: "Member"}, muc.Member},
	{form.Option{Value: "admin", Label: "Admin"}, muc.Admin},
	{form.Option{Value: "owner", Label: "Owner"}, muc.Owner},
}

func (a *admin) enterForm() (*adhoc.Form, *muc.StanzaError) {
	as := form.Field{Name: fieldAs, Type: "list-single", Label: "As", Values: []string{asOptions[0].option.Value}}
	for _, o := range asOptions {
		as.Options = append(as.Options, o.option)
	}
	return adminForm("Be invited to a room", "The room invites you: with its password, and as a member if only members may enter.", roomField(), as), nil
}

func (a *admin) enter(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	room, e := a.room(sub)
	if e != nil {
		return nil, e
	}
	me := a.who.Bare()
	if me.IsZero() {
		return nil, adhoc.Refuse("There is nobody to be invited.")
	}
	for _, o := range asOptions {
		if o.option.Value != value(sub, fieldAs) || o.aff == muc.AffiliationNone {
			continue
		}
		if e := a.do(room, muc.SetAffiliation{JID: me, Affiliation: o.aff}); e != nil {
			return nil, e
		}
	}
	if e := a.do(room, muc.Invite{To: me}); e != nil {
		return nil, e
	}
	a.log("an administrator enters a room", room, "as", value(sub, fieldAs))
	return &adhoc.Result{Note: "The room has invited you."}, nil
}

// Making a room.

func (a *admin) createForm() (*adhoc.Form, *muc.StanzaError) {
	standard := a.s.cfg.Room.Defaults
	return adminForm("Make a room", "It stays when nobody is inside. For the rest it is as new rooms are; its owner can change that.", roomField(),
		form.Field{Name: fieldOwner, Type: "jid-single", Label: "Who owns it", Required: true},
		form.Field{Name: fieldName, Type: "text-single", Label: "Name", Values: []string{standard.Name}},
		form.Field{Name: fieldPublic, Type: "boolean", Label: "Public", Values: []string{form.Bool(!standard.Hidden)}},
		form.Field{Name: fieldMembers, Type: "boolean", Label: "Members only", Values: []string{form.Bool(standard.MembersOnly)}}), nil
}

func (a *admin) create(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	room, e := a.room(sub)
	if e != nil {
		return nil, e
	}
	owner, e := personIn(sub)
	if e != nil {
		return nil, e
	}
	config := a.s.cfg.Room.Defaults
	config.Persistent = true
	if sub.Field(fieldName) != nil {
		config.Name = value(sub, fieldName)
	}
	if public, ok := form.ParseBool(value(sub, fieldPublic)); ok {
		config.Hidden = !public
	}
	if members, ok := form.ParseBool(value(sub, fieldMembers)); ok {
		config.MembersOnly = members
	}
	if e := a.do(room, muc.Create{Owner: owner, Config: config}); e != nil {
		return nil, e
	}
	a.log("an administrator has made a room", room, "owner", owner)
	return &adhoc.Result{Note: "The room is made: " + room.String()}, nil
}

// personIn is the person whom a form names as owner.
func personIn(sub *form.Submission) (muc.JID, *muc.StanzaError) {
	owner, err := muc.ParseJID(value(sub, fieldOwner))
	if err != nil || owner.Local() == "" {
		return owner, adhoc.Refuse("That is no address of a person.")
	}
	return owner.Bare(), nil
}

// Choosing the owner of a room.

// What becomes of those who own a room when it gets another owner.
const (
	formerStay   = "stay"
	formerAdmins = "admins"
	formerGo     = "go"
)

func (a *admin) ownerForm() (*adhoc.Form, *muc.StanzaError) {
	return adminForm("Another owner for a room", "", roomField(),
		form.Field{Name: fieldOwner, Type: "jid-single", Label: "Who owns it from now on", Required: true},
		form.Field{Name: fieldFormer, Type: "list-single", Label: "Those who own it now", Values: []string{formerStay}, Options: []form.Option{
			{Value: formerStay, Label: "stay owners"}, {Value: formerAdmins, Label: "become admins"}, {Value: formerGo, Label: "lose their affiliation"}}}), nil
}

func (a *admin) changeOwner(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	room, e := a.room(sub)
	if e != nil {
		return nil, e
	}
	owner, e := personIn(sub)
	if e != nil {
		return nil, e
	}
	var former []muc.JID
	err := a.s.Read(a.ctx, room, func(live *muc.Room) {
		for who, aff := range live.Affiliations() {
			if aff == muc.Owner && who != owner {
				former = append(former, who)
			}
		}
	})
	if err != nil {
		return nil, refusalOf(err)
	}
	if e := a.do(room, muc.SetAffiliation{JID: owner, Affiliation: muc.Owner}); e != nil {
		return nil, e
	}
	for _, who := range former {
		switch value(sub, fieldFormer) {
		case formerAdmins:
			e = a.do(room, muc.SetAffiliation{JID: who, Affiliation: muc.Admin})
		case formerGo:
			e = a.do(room, muc.RemoveAffiliation{JID: who})
		}
		if e != nil {
			return nil, e
		}
	}
	a.log("an administrator has chosen an owner", room, "owner", owner)
	return &adhoc.Result{Note: "The room has another owner."}, nil
}

// Destroying a room.

func (a *admin) destroyForm() (*adhoc.Form, *muc.StanzaError) {
	return adminForm("Destroy a room", "Everybody is put out, and what is stored of the room is deleted.", roomField(),
		form.Field{Name: fieldReason, Type: "text-single", Label: "Reason"},
		form.Field{Name: fieldAlternate, Type: "jid-single", Label: "Where to go instead"},
		form.Field{Name: fieldSure, Type: "boolean", Label: "Yes, destroy it", Required: true, Values: []string{form.Bool(false)}}), nil
}

func (a *admin) destroy(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	room, e := a.room(sub)
	if e != nil {
		return nil, e
	}
	if sure, _ := form.ParseBool(value(sub, fieldSure)); !sure {
		return nil, adhoc.Refuse("It is not confirmed that the room is to be destroyed.")
	}
	end := muc.Destroy{Reason: value(sub, fieldReason), Tombstone: a.s.cfg.Room.Tombstones}
	if alternate := value(sub, fieldAlternate); alternate != "" {
		var err error
		if end.Alternate, err = muc.ParseJID(alternate); err != nil {
			return nil, adhoc.Refuse("Where to go instead is no address.")
		}
	}
	if e := a.do(room, end); e != nil {
		return nil, e
	}
	a.log("an administrator has destroyed a room", room)
	return &adhoc.Result{Note: "The room is destroyed."}, nil
}

// Freeing the address of a destroyed room.

func (a *admin) freeForm() (*adhoc.Form, *muc.StanzaError) {
	return adminForm("Free the address of a destroyed room", "It says no longer that the room is gone, and a new one may be made there.",
		roomField()), nil
}

func (a *admin) free(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	room, e := a.room(sub)
	if e != nil {
		return nil, e
	}
	if e := refusalOf(a.s.Free(a.ctx, room)); e != nil {
		return nil, e
	}
	a.log("an administrator has freed an address", room)
	return &adhoc.Result{Note: "The address is free."}, nil
}

// Speaking to all rooms (XEP-0133 §4.23).

func (a *admin) announceForm() (*adhoc.Form, *muc.StanzaError) {
	return adminForm("An announcement to all rooms", "",
		form.Field{Name: fieldAnnounce, Type: "text-multi", Label: "Announcement", Required: true}), nil
}

func (a *admin) announce(sub *form.Submission) (*adhoc.Result, *muc.StanzaError) {
	text := strings.Join(sub.Field(fieldAnnounce).Values, "\n")
	rooms, err := a.s.Announce(a.ctx, text)
	switch {
	case errors.Is(err, &muc.StanzaError{Condition: stanza.BadRequest}):
		return nil, adhoc.Refuse("There is nothing to announce.")
	case err != nil:
		return nil, refusalOf(err)
	case a.s.cfg.Announced != nil:
		a.s.cfg.Announced(text)
		return &adhoc.Result{Note: "Rooms here that say it: " + strconv.Itoa(rooms) + ". Those elsewhere are told."}, nil
	}
	return &adhoc.Result{Note: "Rooms that say it: " + strconv.Itoa(rooms)}, nil
}

// log tells an operator what an administrator has done to a room.
func (a *admin) log(what string, room muc.JID, more ...any) {
	var who any = "the host"
	if !a.who.IsZero() {
		who = a.who.Bare()
	}
	a.s.cfg.Log.Info(what, slices.Concat([]any{"room", room, "admin", who}, more)...)
}
