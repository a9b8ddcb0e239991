package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// Existing is what becomes of a room that is in the store already, or has left a tombstone there.
type Existing uint8

// The values of Options.Existing.
const (
	RefuseExisting  Existing = iota // nothing is imported: ErrExists
	SkipExisting                    // it stays as it is, and the other one is left out
	ReplaceExisting                 // it is removed, with all that was said in it
)

// ErrExists: a room is in the store already.
var ErrExists = errors.New("there is or was such a room in the store already")

// Options are what an import is to do.
type Options struct {
	Existing Existing
	// Owner owns the rooms that have no owner; zero leaves them out.
	Owner muc.JID
	// Since is from when on messages are taken over; older ones are left out.
	Since time.Time
	// Messages is how many messages of one room are taken over, the latest ones: 0 means 100,000.
	Messages int
	// Note is told what is not taken over, of which room; zero where it is of none. Nil is told
	// nothing.
	Note func(room muc.JID, line string)
}

// Result is what was taken over.
type Result struct{ Rooms, Left, Messages int }

const defaultMessages = 100_000

// Import takes over the rooms of a source. Of the configuration it needs Domain, Store and
// Room, as [service.NewImporter] does. Give it a store that stores all or nothing: what was taken
// over before an error stays there.
//
// Errors are [ErrExists], those of the source, of the store, and of the context.
func Import(ctx context.Context, cfg service.Config, src Source, o Options) (Result, error) {
	im := importing{options: o, config: cfg.Room, domain: cfg.Domain, seen: map[muc.JID]bool{}}
	if o.Messages <= 0 {
		im.options.Messages = defaultMessages
	}
	var err error
	if im.service, err = service.NewImporter(cfg); err != nil {
		return Result{}, err
	}
	for room, err := range src.Rooms(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = im.take(ctx, room)
		}
		if err != nil {
			return im.result, err
		}
	}
	if o.Note != nil {
		for _, line := range src.Left() {
			o.Note(muc.JID{}, line)
		}
	}
	return im.result, nil
}

type importing struct {
	service *service.Importer
	options Options
	config  muc.Config // of rooms
	domain  string
	seen    map[muc.JID]bool
	result  Result
}

// take takes over a room.
func (im *importing) take(ctx context.Context, from *Room) error {
	now := time.Now()
	r := &taking{importing: im, from: from, now: now, at: now, ids: map[string]bool{}}
	for _, line := range from.Left {
		r.leave("%s", line)
	}
	why, err := r.all(ctx)
	switch {
	case err != nil:
		return err
	case why != "":
		r.lines, r.counts = []string{"the room is left out: " + why}, nil
		im.result.Left++
	default:
		im.result.Rooms++
		im.result.Messages += r.messages
	}
	r.tell()
	return nil
}

// taking is a room that is being taken over.
type taking struct {
	*importing
	from     *Room
	now      time.Time
	at       time.Time // of what happens next
	jid      muc.JID
	room     *service.ImportedRoom
	subject  string // that is set
	messages int
	ids      map[string]bool

	lines  []string
	counts map[string]int // how often a line came
	more   int            // lines beyond maxLines
}

// maxLines is how many lines about a room there are, lineBytes how long one is at the most.
const (
	maxLines  = 100
	lineBytes = 1000
)

// leave notes what is not taken over. A line that comes again is counted.
func (r *taking) leave(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if len(line) > lineBytes {
		line = strings.ToValidUTF8(line[:lineBytes], "") + "…"
	}
	switch {
	case r.counts[line] > 0:
	case len(r.lines) == maxLines:
		r.more++
		return
	default:
		r.lines = append(r.lines, line)
	}
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[line]++
}

// tell tells what was left out.
func (r *taking) tell() {
	if r.options.Note == nil {
		return
	}
	for _, line := range r.lines {
		if n := r.counts[line]; n > 1 {
			line = fmt.Sprintf("%s (%d times)", line, n)
		}
		r.options.Note(r.jid, line)
	}
	if r.more > 0 {
		r.options.Note(r.jid, fmt.Sprintf("and %d more lines like these", r.more))
	}
}

// all takes over all of the room, or tells why that cannot be.
func (r *taking) all(ctx context.Context) (why string, err error) {
	entries := r.entries()
	if len(entries) > 0 {
		r.at = time.UnixMilli(entries[0].At)
	}
	if set := r.from.Subject.At; !set.IsZero() && set.Before(r.at) {
		r.at = set
	}
	if why, err := r.begin(ctx); why != "" || err != nil {
		return why, err
	}
	for _, step := range []func(context.Context) error{r.affiliate, r.setVCard} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	if err := r.recall(ctx, entries); err != nil {
		return "", err
	}
	return "", r.room.Close(ctx)
}

// refused is the reason if the room has refused a command; any other error is fatal.
func refused(err error) (why string, fatal error) {
	var e *muc.StanzaError
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &e):
		return e.Text, nil
	case errors.Is(err, service.ErrFuture), errors.Is(err, muc.ErrMissing), errors.Is(err, muc.ErrNotStanza):
		return err.Error(), nil
	}
	return "", err
}

// begin makes the room, with its owner and configuration.
func (r *taking) begin(ctx context.Context) (why string, err error) {
	jid, err := muc.ParseJID(r.from.Name + "@" + r.domain)
	if err != nil || !jid.IsBare() || jid.Local() == "" {
		return fmt.Sprintf("%q is no name of a room", r.from.Name), nil
	}
	if r.jid = jid; r.from.Unfit != "" {
		return r.from.Unfit, nil
	}
	if r.seen[r.jid] {
		return "there is another one of the same address", nil
	}
	if !r.from.Config.Persistent {
		return "it is temporary: it ends when nobody is inside", nil
	}
	owner := r.owner()
	if owner.IsZero() {
		return "it has no owner: say who owns such rooms", nil
	}
	if r.room, err = r.service.Room(ctx, r.jid); err != nil {
		return "", err
	}
	conf := r.from.Config
	for _, text := range configTexts {
		*text.of(&conf) = "" // it is set alone, and left out if it is too long for this service
	}
	create := muc.Create{Owner: owner, Config: conf}
	if r.room.State() != muc.Unborn {
		switch r.options.Existing {
		case SkipExisting:
			return ErrExists.Error(), nil
		case RefuseExisting:
			return "", fmt.Errorf("%s: %w", r.jid, ErrExists)
		}
		if why, err := r.canMake(create); why != "" || err != nil {
			return why, err
		}
		if err := r.room.Remove(ctx); err != nil {
			return "", err
		}
	}
	r.seen[r.jid] = true
	if why, err := r.try(ctx, create); why != "" || err != nil {
		return why, err
	}
	return "", r.setTexts(ctx)
}

// canMake tells why the room cannot be made, if so, before what is there goes.
func (r *taking) canMake(create muc.Create) (why string, err error) {
	cfg := r.config
	cfg.Room = r.jid
	room, err := muc.New(cfg)
	if err == nil {
		_, err = room.Do(r.at, create)
	}
	return refused(err)
}

// owner is who makes the room: the first of its owners.
func (r *taking) owner() muc.JID {
	for _, a := range r.from.Affiliations {
		if a.Affiliation != muc.Owner {
			continue
		}
		if j, err := muc.ParseJID(a.JID); err == nil && j.Local() != "" {
			return j.Bare()
		}
	}
	return r.options.Owner.Bare()
}

// configTexts are those of a configuration without which a room is still the same. The password is none: without it
// everybody might enter.
var configTexts = [...]struct {
	name string
	of   func(*muc.RoomConfig) *string
}{
	{"name", func(c *muc.RoomConfig) *string { return &c.Name }},
	{"description", func(c *muc.RoomConfig) *string { return &c.Description }},
	{"language", func(c *muc.RoomConfig) *string { return &c.Lang }},
}

func (r *taking) setTexts(ctx context.Context) error {
	for _, text := range configTexts {
		value := *text.of(&r.from.Config)
		if value == "" {
			continue
		}
		why, err := r.try(ctx, muc.Configure{Change: func(c *muc.RoomConfig) { *text.of(c) = value }})
		if err != nil {
			return err
		}
		if why != "" {
			r.leave("its %s: %s", text.name, why)
		}
	}
	return nil
}

// try has the room carry out a command, and tells why it does not.
func (r *taking) try(ctx context.Context, cmd muc.Command) (why string, err error) {
	return refused(r.room.Do(ctx, r.at, cmd))
}

// affiliate gives people and domains their affiliations and nicks. Of two of one address that of
// the higher rank counts, but for a ban, which goes before any.
func (r *taking) affiliate(ctx context.Context) error {
	list := slices.Clone(r.from.Affiliations)
	slices.SortStableFunc(list, func(a, b Affiliation) int {
		return cmp.Or(-compareBool(a.Affiliation == muc.Outcast, b.Affiliation == muc.Outcast), cmp.Compare(b.Affiliation, a.Affiliation))
	})
	given := map[muc.JID]bool{}
	for _, a := range list {
		who, err := muc.ParseJID(a.JID)
		if err != nil {
			r.leave("%q as %s: that is no address", a.JID, a.Affiliation)
			continue
		}
		if who = who.Bare(); given[who] {
			r.leave("%s as %s: the address has another affiliation too", who, a.Affiliation)
			continue
		}
		given[who] = true
		if err := r.setAffiliation(ctx, who, a); err != nil {
			return err
		}
	}
	return nil
}

// compareBool compares by false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// setAffiliation gives somebody an affiliation, with as much of what goes with it as the room
// takes.
func (r *taking) setAffiliation(ctx context.Context, who muc.JID, a Affiliation) error {
	first := ""
	for _, with := range [...]struct{ nick, reason string }{{a.Nick, a.Reason}, {a.Nick, ""}, {"", a.Reason}, {"", ""}} {
		why, err := r.try(ctx, muc.SetAffiliation{JID: who, Affiliation: a.Affiliation, Nick: with.nick, Reason: with.reason})
		if err != nil {
			return err
		}
		first = cmp.Or(first, why)
		if why != "" {
			continue
		}
		if with.nick != a.Nick {
			r.leave("the nick %q, reserved for %s: %s", a.Nick, who, first)
		}
		if with.reason != a.Reason {
			r.leave("why %s is %s: %s", who, a.Affiliation, first)
		}
		return nil
	}
	r.leave("%s as %s: %s", who, a.Affiliation, first)
	return nil
}

func (r *taking) setVCard(ctx context.Context) error {
	if r.from.VCard == nil {
		return nil
	}
	why, err := r.try(ctx, muc.SetVCard{VCard: r.from.VCard})
	if why != "" {
		r.leave("its avatar: %s", why)
	}
	return err
}
