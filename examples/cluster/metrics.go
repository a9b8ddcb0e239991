package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gomuc/muc/cluster"
	"github.com/gomuc/muc/service"
)

// metrics are what a node counts.
type metrics struct {
	registry *prometheus.Registry
	cluster  cluster.Observer
	rooms    service.Observer
	linked   prometheus.Gauge
	unsent   prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	with := promauto.With(m.registry)
	counter := func(name, help string) prometheus.Counter {
		return with.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	seconds := func(name, help string) func(time.Duration) {
		h := with.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)})
		return func(took time.Duration) { h.Observe(took.Seconds()) }
	}
	owned := with.NewGauge(prometheus.GaugeOpts{Name: "cluster_shards_owned", Help: "Shards of which this node is the owner."})
	took := seconds("cluster_taken_seconds", "Shards without a living owner that this node took over, and how long that took.")
	moved := seconds("cluster_moved_seconds", "Shards that this node handed over, and for how long they took nothing.")
	fenced := counter("cluster_fenced_total", "Writes that the log refused because another node has the room.")
	copies := counter("cluster_copies_total", "Repetitions of what was delivered before, which were dropped.")
	resent := counter("cluster_resent_total", "Stanzas that were sent again to the owner of their room.")
	expelled := counter("cluster_expelled_total", "Nodes that this one has given up.")
	dropped := counter("cluster_dropped_total", "What was to be told to another node and was dropped, because too much waited for that one.")
	m.cluster = cluster.Observer{
		Owned:    func(shards int) { owned.Set(float64(shards)) },
		Took:     func(_ int, d time.Duration) { took(d) },
		Moved:    func(_ int, d time.Duration) { moved(d) },
		Lag:      seconds("cluster_lag_seconds", "From when a step was stored until all nodes had delivered it."),
		Fenced:   fenced.Inc,
		Copies:   func(frames int) { copies.Add(float64(frames)) },
		Resent:   func(stanzas int) { resent.Add(float64(stanzas)) },
		Expelled: func(string) { expelled.Inc() },
		Dropped:  dropped.Inc,
	}
	m.linked = with.NewGauge(prometheus.GaugeOpts{Name: "cluster_linked", Help: "Whether this node is connected to the XMPP server as its component."})
	m.unsent = counter("cluster_unsent_total", "Stanzas that were not sent to the XMPP server.")
	redone := with.NewCounterVec(prometheus.CounterOpts{Name: "cluster_redone_total",
		Help: "Steps that were done again after a failure, by whether the same came of them."}, []string{"same"})
	m.rooms.Redone = func(same bool) {
		redone.WithLabelValues(map[bool]string{true: "yes", false: "no"}[same]).Inc()
	}
	return m
}

// handler serves what was counted, and what is so at the moment.
func (m *metrics) handler(n *cluster.Node) http.Handler {
	for _, f := range []struct {
		name, help string
		value      func(cluster.Stats) int
	}{
		{"cluster_nodes", "Nodes that are not suspected to be dead.", func(s cluster.Stats) int { return s.Nodes }},
		{"cluster_shards_orphaned", "Shards without an owner that lives.", func(s cluster.Stats) int { return s.Orphans }},
		{"cluster_stanzas_open", "Stanzas of this node's clients that are not known to be done.", func(s cluster.Stats) int { return s.Open }},
		{"cluster_unsent_bytes", "What waits for other nodes.", func(s cluster.Stats) int { return s.OutBytes }},
		{"cluster_cut", "Whether this node does not hear itself, and answers nothing.", func(s cluster.Stats) int { return map[bool]int{true: 1}[s.Cut] }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: f.name, Help: f.help},
			func() float64 { return float64(f.value(n.Stats())) }))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
