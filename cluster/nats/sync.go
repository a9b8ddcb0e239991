package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// serverInfo is what a server tells of itself in the system account ($SYS.REQ.SERVER.PING.JSZ).
type serverInfo struct {
	Server struct {
		Name    string `json:"name"`
		Version string `json:"ver"`
	} `json:"server"`
	Data struct {
		Disabled bool `json:"disabled"`
		Config   struct {
			MaxStore   int64 `json:"max_storage"`
			SyncAlways bool  `json:"sync_always"`
		} `json:"config"`
	} `json:"data"`
}

// CheckSync asks every server whether it writes to the disk before it says that something is
// stored, and is an [ErrSync] if one does not. It needs Config.System. A server that joins or
// changes later is seen by another check only.
func (e *Engine) CheckSync(ctx context.Context) error {
	if len(e.cfg.System) == 0 {
		return fmt.Errorf("%w: without Config.System it cannot be seen; set SyncUnchecked if you see to it", ErrSync)
	}
	c, err := e.cfg.connect(ctx, "system", e.cfg.System)
	if err != nil {
		return err
	}
	defer c.Close()
	for wait := firstWait; ; {
		found, err := askServers(c)
		if err == nil && len(found) < e.cfg.Replicas {
			err = fmt.Errorf("cluster/nats: %d servers with JetStream answer, %d copies are wanted", len(found), e.cfg.Replicas)
		}
		for _, s := range found {
			if !s.Data.Config.SyncAlways {
				return fmt.Errorf("%w: server %s", ErrSync, s.Server.Name)
			}
		}
		if err == nil {
			return nil
		}
		if ended := pause(ctx, &wait); ended != nil {
			return fmt.Errorf("%w (%w)", err, ended)
		}
	}
}

// askServers has the servers with JetStream that answer: the first within half a second, each other soon
// after the one before.
func askServers(c *nats.Conn) ([]serverInfo, error) {
	answers, err := c.SubscribeSync(c.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("cluster/nats: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := c.PublishRequest("$SYS.REQ.SERVER.PING.JSZ", answers.Subject, nil); err != nil {
		return nil, fmt.Errorf("cluster/nats: %w", err)
	}
	var found []serverInfo
	for wait := readTry; ; wait = readTry / 4 {
		m, err := answers.NextMsg(wait)
		if errors.Is(err, nats.ErrTimeout) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cluster/nats: %w", err)
		}
		var s serverInfo
		if err := json.Unmarshal(m.Data, &s); err != nil {
			return nil, fmt.Errorf("cluster/nats: an answer of a server: %w", err)
		}
		if !s.Data.Disabled && s.Data.Config.MaxStore != 0 {
			found = append(found, s)
		}
	}
}
