package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/component/xmppcomp"
	"github.com/gomuc/muc/service"
)

// An upgrade that nobody notices: the new process asks the one that runs, at its admin socket.
// That reads nothing more, has its rooms finish and stores them with everybody inside, gives the
// store free, and passes on the open connection to the server, where what comes meanwhile waits.
// The new process opens the store and looks whether it can go on with it; only when it has said
// so, and the old one has answered, is the stream its own. If anything fails before that, the old
// one takes the store back and goes on.

const (
	// handOverName is the protocol that the socket is upgraded to, with its version.
	handOverName = "muc-hand-over-1"
	// successorTime is how long the new process may take to open the store and to look at it;
	// comeBackTime how long the old one tries to have it back, handOverTime how long the new one
	// waits for the old one.
	successorTime = time.Minute
	comeBackTime  = 30 * time.Second
	handOverTime  = 10 * time.Minute
	// handOverBytes bounds what one says to the other.
	handOverBytes = 1 << 20
)

// succession is what the new process asks for. It must be what the old one has.
type succession struct {
	Domain  string `json:"domain"`
	Connect string `json:"connect"`
	Store   string `json:"store"`
}

func (s *settings) succession() (succession, error) {
	store, err := filepath.Abs(s.store)
	if err == nil {
		store, err = filepath.EvalSymlinks(store)
	}
	return succession{s.domain, s.connect, store}, err
}

// word is what one process says to the other: the old one an offer and at last that the stream
// is the other's; the new one that it is ready; both, why it comes to nothing.
type word struct {
	Stream *xmppcomp.Handover `json:"stream,omitempty"`
	Ready  bool               `json:"ready,omitempty"`
	Yours  bool               `json:"yours,omitempty"`
	Error  string             `json:"error,omitempty"`
}

// partner is the other process.
type partner struct {
	conn *net.UnixConn
	got  *passed // with files
	in   *json.Decoder
}

func newPartner(conn *net.UnixConn, got *passed, in io.Reader) *partner {
	return &partner{conn, got, json.NewDecoder(io.LimitReader(in, handOverBytes))}
}

func (p *partner) say(w word) error { return json.NewEncoder(p.conn).Encode(w) }

// hears waits for a word, for a time.
func (p *partner) hears(ctx context.Context, within time.Duration) (w word, err error) {
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	if err := p.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return w, err
	}
	switch err := p.in.Decode(&w); {
	case errors.Is(err, io.EOF):
		return w, errors.New("the other process has ended")
	case err != nil:
		return w, fmt.Errorf("the other process: %w", err)
	case w.Error != "":
		return w, fmt.Errorf("the other process: %s", printable(w.Error))
	}
	return w, nil
}

// takeSuccessor takes in a process that wants to take over.
func (c *component) takeSuccessor(w http.ResponseWriter, r *http.Request) {
	refuse := func(err error) { http.Error(w, err.Error(), http.StatusConflict) }
	var theirs succession
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, orderBytes)).Decode(&theirs); err != nil {
		refuse(err)
		return
	}
	ours, err := c.settings.succession()
	switch {
	case err != nil:
		refuse(err)
		return
	case r.Header.Get("Upgrade") != handOverName:
		refuse(errors.New("the component that runs is of a version that hands over in another way: stop it, and start the other one"))
		return
	case theirs != ours:
		refuse(fmt.Errorf("the component that runs has other settings, of -domain, -connect and -store: %v, not %v: stop it, and start the other one", ours, theirs))
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refuse(err)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(handOverTime))
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+handOverName+"\r\n\r\n")
	select {
	case c.successors <- newPartner(conn.(*net.UnixConn), nil, conn):
	default: // another one is waiting
		conn.Close()
	}
}

// handOver has another process go on, and reports whether it does. If not, all goes on here, but
// for an error.
func (c *component) handOver(ctx context.Context, to *partner) (left bool, err error) {
	defer to.conn.Close()
	c.log.Info("another process takes over")
	stopped, err := c.offer(to)
	if err == nil {
		c.link.Leave()
		c.log.Info("another process has taken over")
		return true, nil
	}
	_ = to.say(word{Error: err.Error()})
	to.conn.Close()
	c.log.Error("no other process has taken over: this one goes on", "error", err)
	if stopped {
		if err := c.comeBack(ctx); err != nil {
			return false, err
		}
	}
	c.link.GoOn()
	return false, nil
}

// offer stops all but the stream, and has the other process take it. It reports whether there is
// something to begin again if that fails.
func (c *component) offer(to *partner) (stopped bool, err error) {
	within := c.now.Load().drain
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := c.hold(ctx); err != nil {
		return false, err
	}
	ctx, cancel = context.WithTimeout(context.Background(), within)
	defer cancel()
	c.archive.Stop()
	if err := c.service().Suspend(ctx); err != nil {
		return true, err
	}
	h, err := c.link.Detach(ctx)
	if err != nil {
		return true, err
	}
	if err := c.giveBack(); err != nil {
		return true, err
	}
	if err := pass(to, h); err != nil {
		return true, err
	}
	if _, err := to.hears(context.Background(), successorTime); err != nil {
		return true, err
	}
	if err := to.say(word{Yours: true}); err != nil {
		return true, err
	}
	return true, h.Conn.Close() // the other one has it too
}

// hold has nothing more come in, and waits until what came is done and answered.
func (c *component) hold(ctx context.Context) error {
	if err := c.link.Hold(ctx); err != nil {
		return err
	}
	for {
		if now := c.service().Stats(); now.Queued == 0 && now.Working == 0 && c.archive.Idle() {
			return nil
		}
		select {
		case <-ctx.Done():
			c.link.GoOn()
			return fmt.Errorf("rooms are still at work: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// comeBack opens the store again. The other process may still have it.
func (c *component) comeBack(ctx context.Context) error {
	for until := time.Now().Add(comeBackTime); ; {
		_ = c.giveBack()
		err := c.begin(ctx, nil)
		if err == nil || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// pass passes the stream on.
func pass(to *partner, h *xmppcomp.Handover) error {
	file, ok := h.Conn.(fileOf)
	if !ok {
		return errors.New("the connection cannot be passed on")
	}
	text, err := json.Marshal(word{Stream: h})
	if err != nil {
		return err
	}
	return sendWith(to.conn, text, file)
}

// predecessor is the process from which this one is to take over, if it is to and there is one. It
// has stopped, and the link goes on with its stream.
func (c *component) predecessor(ctx context.Context) (*partner, error) {
	kept, err := c.systemd.kept(c.settings.getenv)
	switch {
	case err != nil:
		c.log.Warn("the connection that systemd has kept is of no use", "error", err)
	case kept != nil:
		c.link.Adopt(kept)
		c.adopted = true
		return nil, nil
	}
	if !c.settings.succeeds {
		return nil, nil
	}
	from, err := c.settings.askToTakeOver(ctx)
	if err != nil {
		return nil, err
	}
	if from == nil {
		c.log.Info("no component runs that could be taken over: it starts", "socket", c.settings.adminSocket)
		return nil, nil
	}
	h, err := from.takes(ctx)
	if err != nil {
		from.conn.Close()
		return nil, err
	}
	c.link.Adopt(h)
	c.adopted = true
	return from, nil
}

// askToTakeOver asks the process that runs for its place, and returns when that has stopped and
// offers the stream. Nil is nobody: no component runs.
func (s *settings) askToTakeOver(ctx context.Context) (p *partner, err error) {
	if s.adminSocket == noSocket {
		return nil, errors.New("-take-over needs an -admin-socket, by which it reaches the component that runs")
	}
	dialed, err := new(net.Dialer).DialContext(ctx, "unix", s.adminSocket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, nil // if it runs all the same, the store is in use
	case err != nil:
		return nil, fmt.Errorf("-take-over: %w", err)
	}
	conn := dialed.(*net.UnixConn)
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	ask, err := s.succession()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(conn, "POST /hand-over HTTP/1.1\r\nHost: component\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: %d\r\n\r\n%s",
		handOverName, len(text), text); err != nil {
		return nil, err
	}
	got := &passed{conn: conn}
	in := bufio.NewReader(io.LimitReader(got, 2*handOverBytes))
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, fmt.Errorf("the component that runs: %w", err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return nil, fmt.Errorf("the component that runs does not hand over: %s", printable(strings.TrimSpace(string(why))))
	}
	return newPartner(conn, got, in), nil
}

// takes is the stream that the other process offers.
func (p *partner) takes(ctx context.Context) (*xmppcomp.Handover, error) {
	w, err := p.hears(ctx, handOverTime)
	if err != nil {
		return nil, err
	}
	if w.Stream == nil {
		return nil, errors.New("the other process offers no stream")
	}
	if p.got.file == nil {
		return nil, errors.New("the other process passes no connection")
	}
	defer p.got.file.Close()
	w.Stream.Conn, err = net.FileConn(p.got.file)
	return w.Stream, err
}

// settle tells the other process that all can go on here, and returns when that has left.
func (p *partner) settle(ctx context.Context, config service.Config) error {
	var wrong error
	_, err := service.CheckSuspended(ctx, config, func(room muc.JID, err error) { wrong = errors.Join(wrong, fmt.Errorf("%s: %w", room, err)) })
	if err = errors.Join(err, wrong); err != nil {
		return fmt.Errorf("it cannot go on with what the other process has stored: %w", err)
	}
	if err := p.say(word{Ready: true}); err != nil {
		return err
	}
	w, err := p.hears(ctx, handOverTime)
	if err == nil && !w.Yours {
		err = errors.New("the other process does not leave")
	}
	return err
}
