package main

import (
	"context"
	"maps"
	"slices"

	"github.com/gomuc/muc"
)

// reload reads the settings again, and takes over those that can change while the component
// runs.
func (c *component) reload(ctx context.Context) {
	before := c.now.Load()
	read, err := before.again()
	if err != nil {
		c.log.Error("the settings stay as they are", "error", err)
		return
	}
	next, changed, fixed, err := before.takeOver(read)
	if err != nil {
		c.log.Error("the settings stay as they are", "error", err)
		return
	}
	c.now.Store(&next)
	c.level.Set(next.level)
	c.log.Info("the settings are read again", "changed", changed)
	if len(fixed) > 0 {
		c.log.Warn("these settings change at the next start", "settings", fixed)
	}
	more := maps.Clone(next.blocked)
	maps.DeleteFunc(more, func(_ string, who muc.JID) bool { return before.blocks(who) })
	c.putOut(ctx, more)
}

// blocks reports whether somebody may use no room, by address or by domain.
func (s *settings) blocks(who muc.JID) bool {
	_, person := s.blocked[who.Bare().String()]
	_, domain := s.blocked[who.Domain()]
	return person || domain
}

// putOut has all rooms put out who is blocked.
func (c *component) putOut(ctx context.Context, blocked map[string]muc.JID) {
	inside := map[muc.JID]bool{} // rooms
	for _, who := range blocked {
		for _, room := range c.service().Where(who) {
			inside[room] = true
		}
	}
	for room := range inside {
		var nicks []string
		err := c.service().Read(ctx, room, func(live *muc.Room) {
			for o := range live.Occupants() {
				if slices.ContainsFunc(o.Sessions, c.now.Load().blocks) {
					nicks = append(nicks, o.Nick)
				}
			}
		})
		for _, nick := range nicks {
			if err == nil {
				_, err = c.service().Do(ctx, room, muc.Kick{Nick: nick, Reason: "You may not use the rooms here."})
			}
		}
		if err != nil {
			c.log.Error("somebody who is blocked may still be inside", "room", room, "error", err)
		}
	}
}
