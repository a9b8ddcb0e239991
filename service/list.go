package service

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/jid"
)

const (
	// listPage is how many entries are read from the store at once.
	listPage = 5000
	// oddLines is how many lines that are passed over are logged one by one.
	oddLines = 100
)

// readList fills the directory, and returns what has to be done about rooms at the
// start. A line that makes no sense is passed over: it is no reason for all other
// rooms not to live.
func (s *Service) readList(ctx context.Context) (restless []Entry, err error) {
	var after muc.JID
	passed := 0
	for {
		entries, err := s.cfg.Store.List(ctx, after, listPage)
		if err != nil {
			return nil, err
		}
		lines, odd := s.sift(entries, after)
		for _, err := range odd {
			if passed++; passed <= oddLines {
				s.cfg.Log.Error("a line of the list of rooms is passed over", "error", err)
			}
		}
		if len(lines) == 0 {
			break
		}
		after = lines[len(lines)-1].Room
		for _, e := range lines {
			if e.Room.Domain() != s.cfg.Domain {
				continue
			}
			s.dir.set(e, 0)
			s.countCreated(e.Room, e.Creator)
			if s.isRestless(&e) {
				restless = append(restless, e)
			}
		}
	}
	if passed > oddLines {
		s.cfg.Log.Error("lines of the list of rooms are passed over", "all", passed, "logged", oddLines)
	}
	return restless, nil
}

// isRestless reports whether a room wants something now, or at some time. Others are not in memory until somebody wants
// something of them.
func (s *Service) isRestless(e *Entry) bool {
	return !e.Lasting || e.Inhabited && s.cfg.Live || !e.Due.IsZero() || !e.Suspended.IsZero()
}

// sift takes out of a page what stands in it rightly, and says what is wrong with
// the rest. Rooms of another domain are among both: they are in order.
func (s *Service) sift(entries []Entry, after muc.JID) (lines []Entry, odd []error) {
	var can []Entry
	for _, e := range entries {
		switch err := e.check(); {
		case err != nil:
			odd = append(odd, err)
		default:
			can = append(can, e)
		}
	}
	lines, jumps := inOrder(can, after)
	for _, e := range jumps {
		odd = append(odd, fmt.Errorf("%w: %s is out of order", muc.ErrCorrupt, e.Room))
	}
	for _, e := range lines {
		if e.Room.Domain() != s.cfg.Domain {
			odd = append(odd, fmt.Errorf("%w: the store holds %s, which is not a room of %s", ErrConfig, e.Room, s.cfg.Domain))
		}
	}
	return lines, odd
}

// check tells what is wrong with an entry by itself.
func (e *Entry) check() error {
	switch {
	case e.Err != nil:
		return e.Err
	case e.Room.IsZero():
		return fmt.Errorf("%w: a room without an address", muc.ErrCorrupt)
	case e.Room.Local() == "" || !e.Room.IsBare():
		return fmt.Errorf("%w: %s is no address of a room", muc.ErrCorrupt, e.Room)
	case !isText(e.Name) || !isText(e.About.Description) || !isText(e.About.Lang):
		return fmt.Errorf("%w: %s: its name or description cannot stand in a stanza", muc.ErrCorrupt, e.Room)
	}
	return nil
}

// isText reports whether XML can hold a text.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}

// inOrder leaves out of a page the fewest entries without which it is sorted and
// begins after an address. Of several ways the one that takes the earlier entries.
func inOrder(page []Entry, after muc.JID) (lines, jumps []Entry) {
	// heads[n-1] is the greatest address from which n entries can be read in order,
	// going backwards through the page; length[i] is how many from entry i.
	var heads []string
	length := make([]int, len(page))
	for i, e := range slices.Backward(page) {
		room := e.Room.String()
		if room <= after.String() {
			continue
		}
		n := sort.Search(len(heads), func(n int) bool { return heads[n] <= room })
		if n == len(heads) {
			heads = append(heads, "")
		}
		heads[n], length[i] = room, n+1
	}
	for i, left := 0, len(heads); i < len(page); i++ {
		if room := page[i].Room; left > 0 && length[i] == left && jid.Compare(room, after) > 0 {
			after, left = room, left-1
			lines = append(lines, page[i])
		} else {
			jumps = append(jumps, page[i])
		}
	}
	return lines, jumps
}
