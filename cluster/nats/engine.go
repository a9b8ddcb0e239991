package nats

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/cluster"
)

// Config says where the servers are and how rooms are kept there.
type Config struct {
	// URL has the addresses of the servers, separated by commas. Empty is
	// nats://127.0.0.1:4222.
	URL string
	// Options are of the connections: credentials, TLS, or [nats.InProcessServer].
	Options []nats.Option
	// Domain is where the rooms are: rooms of another domain are refused.
	Domain string
	// Prefix begins the names of subjects and, in capitals, of streams: lower case letters
	// and digits; empty is "muc". Each domain on the same servers needs one of its own.
	Prefix string
	// Replicas is on how many servers each stream is: 3 (which zero is) or 5, or 1 for tests
	// and for a site that wants no second server.
	Replicas int
	// Streams is over how many streams the rooms are spread, a power of two up to 16; zero is
	// 1, which is enough for one disk. It is fixed when the streams are made.
	Streams int
	// BodyBytes is how large one message of a room may be, for example the snapshot of a large
	// room, which is cut in pieces: 268435456 (which zero is). What is larger is
	// [cluster.ErrTooLarge].
	BodyBytes int
	// StoreBytes is how much the streams that are made may hold on each server, of which the list of
	// rooms has an eighth: 8589934592 (which zero is). Servers need a larger max_file_store.
	// Beyond it every append is [ErrFull]; what is stored can be read. Streams that are there keep
	// their max_bytes, which the operator can change at any time.
	StoreBytes int64
	// FirstEpoch is for who has restored a backup: the first epoch when owners and marks are made
	// anew. It must be greater than all that were before; the time in milliseconds is. Zero else.
	FirstEpoch cluster.Epoch
	// System are the credentials of a user of the servers' system account. With them Open and
	// [Engine.CheckSync] see whether each server writes to the disk before it says that
	// something is stored. Without them Open refuses, unless SyncUnchecked is set.
	System []nats.Option
	// SyncUnchecked is for those who see to it themselves that every server has
	// sync_interval: always.
	SyncUnchecked bool
	// Log is told when a connection is lost and comes back; nil means slog.Default().
	Log *slog.Logger
}

var (
	// ErrConfig: the Config cannot be used, or does not fit the streams that are there.
	ErrConfig = errors.New("cluster/nats: configuration")
	// ErrSync: a server does not write to the disk before it says that something is stored
	// (sync_interval: always), or it cannot be seen whether it does.
	ErrSync = errors.New("cluster/nats: sync_interval is not always")
	// ErrFull: a bound of the servers for what they store is reached, or a disk is full. Nothing
	// was stored.
	ErrFull = errors.New("cluster/nats: no room left in JetStream")
	// ErrDamaged: what was read is not what was written: a message is missing or is another. It is a
	// [muc.ErrCorrupt]: a node leaves such a room alone.
	ErrDamaged = fmt.Errorf("cluster/nats: the log is damaged: %w", muc.ErrCorrupt)
)

// The times of a first try. The servers' own answers come within milliseconds; without a leader
// there is none at all. Each request is tried again until its context ends, and each time is given longer.
const (
	appendTry = time.Second
	readTry   = 500 * time.Millisecond
	firstWait = 10 * time.Millisecond
	lagWait   = time.Millisecond // for a copy that has not come as far as its leader yet
	longWait  = 250 * time.Millisecond
)

// Engine is a [cluster.Log], [cluster.Owners] and [cluster.Bus] on NATS. Use [Open].
type Engine struct {
	cfg Config
	// log takes appends and reads, bus what goes from node to node: so that heartbeats do
	// not wait behind a large snapshot.
	log, bus *nats.Conn
}

// Open connects, makes the streams that are missing and checks those that are there. It tries
// until the context ends: servers that have just started have no leader for seconds.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg}
	if e.log, err = cfg.connect(ctx, "log", cfg.Options); err != nil {
		return nil, err
	}
	if e.bus, err = cfg.connect(ctx, "bus", cfg.Options); err != nil {
		e.Close()
		return nil, err
	}
	if most := e.bus.MaxPayload(); most < leastPayload {
		err = fmt.Errorf("%w: max_payload of the servers is %d, must be %d at least", ErrConfig, most, leastPayload)
	}
	if err == nil && !cfg.SyncUnchecked {
		err = e.CheckSync(ctx)
	}
	if err == nil {
		err = e.setUp(ctx)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close ends the connections. What is under way then ends with an error.
func (e *Engine) Close() {
	for _, c := range []*nats.Conn{e.log, e.bus} {
		if c != nil {
			c.Close()
		}
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Prefix == "" {
		c.Prefix = "muc"
	}
	if strings.Trim(c.Prefix, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || len(c.Prefix) > 32 {
		return c, fmt.Errorf("%w: Prefix %q", ErrConfig, c.Prefix)
	}
	domain, err := muc.ParseJID(c.Domain)
	if err != nil || !domain.IsDomain() || !domain.IsBare() {
		return c, fmt.Errorf("%w: Domain %q: not a domain", ErrConfig, c.Domain)
	}
	c.Domain = domain.String()
	for _, n := range []struct {
		field             *int
		name              string
		fallback, maximum int
	}{{&c.Replicas, "Replicas", 3, 5}, {&c.Streams, "Streams", 1, 16}, {&c.BodyBytes, "BodyBytes", 256 << 20, 1 << 30}} {
		if *n.field == 0 {
			*n.field = n.fallback
		}
		if *n.field < 1 || *n.field > n.maximum {
			return c, fmt.Errorf("%w: %s is %d", ErrConfig, n.name, *n.field)
		}
	}
	if c.StoreBytes == 0 {
		c.StoreBytes = 8 << 30
	}
	if c.StoreBytes < leastStore {
		return c, fmt.Errorf("%w: StoreBytes is %d, must be %d at least", ErrConfig, c.StoreBytes, leastStore)
	}
	if c.Replicas%2 == 0 || cluster.Shards%c.Streams != 0 {
		return c, fmt.Errorf("%w: Replicas must be odd, Streams a power of two", ErrConfig)
	}
	return c, nil
}

// connect tries until the context ends, but not if it is the credentials that are wrong.
func (c Config) connect(ctx context.Context, name string, options []nats.Option) (*nats.Conn, error) {
	log := c.Log.With("connection", name)
	options = append([]nats.Option{
		nats.Name("muc " + name),
		nats.MaxReconnects(-1), nats.ReconnectWait(100 * time.Millisecond), nats.Timeout(2 * time.Second),
		// What cannot be sent now is an error, and not sent at some later time.
		nats.ReconnectBufSize(-1),
		// A server that does not answer is left for another one.
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // else it was closed
				log.Warn("cluster/nats: connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { log.Info("cluster/nats: connected again", "server", c.ConnectedServerName()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("cluster/nats: connection", "error", err)
		}),
	}, options...)
	url := c.URL
	if url == "" {
		url = nats.DefaultURL
	}
	for wait := firstWait; ; {
		conn, err := nats.Connect(url, options...)
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
			return nil, fmt.Errorf("cluster/nats: %w", err)
		}
		if pause(ctx, &wait) != nil {
			return nil, fmt.Errorf("cluster/nats: no connection: %w (%w)", err, ctx.Err())
		}
	}
}

// longer is the time of a try before which there was that wait: two seconds more in the end, so that
// answers of a server that is always slow are not missed for ever.
func longer(try, wait time.Duration) time.Duration { return try + 8*wait }

// pause waits, each time longer, and says whether the context has ended.
func pause(ctx context.Context, wait *time.Duration) error {
	t := time.NewTimer(*wait)
	defer t.Stop()
	*wait = min(2**wait, longWait)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Names.

func (e *Engine) metaStream() string { return strings.ToUpper(e.cfg.Prefix) + "_META" }
func (e *Engine) listStream() string { return strings.ToUpper(e.cfg.Prefix) + "_DIR" }
func (e *Engine) logStream(shard int) string {
	return fmt.Sprintf("%s_LOG_%d", strings.ToUpper(e.cfg.Prefix), shard%e.cfg.Streams+1)
}

// subject joins the parts of a name under the prefix.
func (e *Engine) subject(parts ...any) string {
	s := e.cfg.Prefix
	for _, p := range parts {
		s += fmt.Sprint(".", p)
	}
	return s
}

// every is in place of a room's token: all rooms of a shard. No token is noToken.
const (
	every   = "*"
	noToken = "="
)

// token is what stands for a room in subjects, which may hold less than an address.
func token(room muc.JID) string { return base64.RawURLEncoding.EncodeToString([]byte(room.Local())) }

// roomOf is the room whose subject it is.
func (e *Engine) roomOf(subject string) (muc.JID, error) {
	local, err := base64.RawURLEncoding.DecodeString(subject[strings.LastIndexByte(subject, '.')+1:])
	var room muc.JID
	if err == nil {
		err = room.UnmarshalText([]byte(string(local) + "@" + e.cfg.Domain))
	}
	if err != nil {
		return muc.JID{}, fmt.Errorf("%w: the subject %q is of no room: %v", ErrDamaged, subject, err)
	}
	return room, nil
}

// mine says whether the engine keeps the room.
func (e *Engine) mine(room muc.JID) error {
	if !room.IsBare() || room.Local() == "" || room.Domain() != e.cfg.Domain {
		return fmt.Errorf("%w: %q is not a room of %s", ErrConfig, room, e.cfg.Domain)
	}
	return nil
}

func inRange(shard int) error {
	if shard < 0 || shard >= cluster.Shards {
		return fmt.Errorf("%w: there is no shard %d", ErrConfig, shard)
	}
	return nil
}

// leastPayload is what nodes tell each other in one message.
const leastPayload = 1 << 20

// Owners and marks need no more than metaStore.
const (
	metaStore  = 16 << 20
	leastStore = 2 * metaStore
)

// formatVersion is of subjects, headers and streams: an engine leaves streams of another alone.
const formatVersion = "1"

// setUp makes and checks the streams.
func (e *Engine) setUp(ctx context.Context) error {
	js, err := jetstream.New(e.log, jetstream.WithDefaultTimeout(appendTry))
	if err != nil {
		return fmt.Errorf("cluster/nats: %w", err)
	}
	for _, want := range e.streams() {
		if err := setUpStream(ctx, js, want); err != nil {
			return err
		}
	}
	return nil
}

// streams are those that there must be.
func (e *Engine) streams() []jetstream.StreamConfig {
	base := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Replicas: e.cfg.Replicas,
		// What does not fit is refused: nothing that was stored makes place for it.
		Discard:     jetstream.DiscardNew,
		AllowRollup: true, AllowDirect: true, AllowMsgTTL: true,
		Duplicates: 100 * time.Millisecond, // the least: a message is known by its Muc-Id
		Metadata:   map[string]string{"muc-format": formatVersion, "muc-domain": e.cfg.Domain, "muc-streams": fmt.Sprint(e.cfg.Streams)},
	}
	meta, list := base, base
	meta.Name, meta.MaxMsgsPerSubject, meta.MaxBytes = e.metaStream(), 1, metaStore
	meta.FirstSeq = uint64(e.cfg.FirstEpoch)
	meta.Subjects = []string{e.subject("own", "*"), e.subject("mark", "*"), e.subject("now")}
	list.Name, list.MaxMsgsPerSubject, list.MaxBytes = e.listStream(), 1, e.cfg.StoreBytes/8
	list.Subjects = []string{e.subject("dir", "*", "*")}
	all := []jetstream.StreamConfig{meta, list}
	for k := range e.cfg.Streams {
		log := base
		log.Name, log.MaxMsgsPerSubject = e.logStream(k), -1
		log.MaxBytes = (e.cfg.StoreBytes - meta.MaxBytes - list.MaxBytes) / int64(e.cfg.Streams)
		log.Subjects = []string{e.subject("log", "*", "*"), e.subject("part", "*", "*")}
		if e.cfg.Streams > 1 {
			log.Subjects = nil
			for shard := k; shard < cluster.Shards; shard += e.cfg.Streams {
				log.Subjects = append(log.Subjects, e.subject("log", shard, "*"), e.subject("part", shard, "*"))
			}
		}
		all = append(all, log)
	}
	return all
}

func setUpStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	for wait := firstWait; ; {
		try, cancel := context.WithTimeout(ctx, longer(appendTry, wait))
		s, err := js.Stream(try, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			s, err = js.CreateStream(try, want)
		}
		cancel()
		if err == nil {
			return fits(want, s.CachedInfo().Config)
		}
		var refused *jetstream.APIError
		if errors.As(err, &refused) && refused.ErrorCode == errFullStore {
			return fmt.Errorf("%w: stream %s: %w: StoreBytes must be less than the max_file_store of the servers", ErrConfig, want.Name, err)
		}
		if errors.As(err, &refused) && (refused.Code < 500 || refused.ErrorCode == errNoCluster) && refused.ErrorCode != errNoPeers && refused.ErrorCode != errNameInUse {
			return fmt.Errorf("%w: stream %s: %w", ErrConfig, want.Name, err)
		}
		if pause(ctx, &wait) != nil {
			return fmt.Errorf("cluster/nats: stream %s: %w (%w)", want.Name, err, ctx.Err())
		}
	}
}

// fits says in what a stream that is there differs from what it must be. A bound of its size
// is the operator's.
func fits(want, has jetstream.StreamConfig) error {
	for _, c := range []struct {
		what      string
		want, has any
	}{
		{"format", want.Metadata["muc-format"], has.Metadata["muc-format"]},
		{"domain", want.Metadata["muc-domain"], has.Metadata["muc-domain"]},
		{"number of log streams", want.Metadata["muc-streams"], has.Metadata["muc-streams"]},
		{"storage", want.Storage, has.Storage},
		{"persist mode", want.PersistMode, has.PersistMode},
		{"replicas", want.Replicas, has.Replicas},
		{"retention", want.Retention, has.Retention},
		{"discard", want.Discard, has.Discard},
		{"maximum age", want.MaxAge, has.MaxAge},
		{"messages of one subject", want.MaxMsgsPerSubject, has.MaxMsgsPerSubject},
		{"rollup, direct and TTL allowed, acknowledged, not sealed", true,
			has.AllowRollup && !has.DenyPurge && has.AllowDirect && has.AllowMsgTTL && !has.NoAck && !has.Sealed},
		{"subjects", fmt.Sprint(want.Subjects), fmt.Sprint(has.Subjects)},
	} {
		if c.want != c.has {
			return fmt.Errorf("%w: stream %s: %s is %v, must be %v", ErrConfig, want.Name, c.what, c.has, c.want)
		}
	}
	return nil
}

func newID() string { return rand.Text() }
