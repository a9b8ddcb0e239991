package main

import (
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// metrics are what an operator watches.
type metrics struct {
	registry *prometheus.Registry
	sessions prometheus.Gauge
	received prometheus.Counter
	sent     prometheus.Counter
	failures prometheus.Counter
	slow     prometheus.Counter
	refused  *prometheus.CounterVec
	stored   prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "xmpp_sessions", Help: "Clients that are logged in."}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "xmpp_stanzas_received_total", Help: "Stanzas of clients."}),
		sent:     prometheus.NewCounter(prometheus.CounterOpts{Name: "muc_stanzas_sent_total", Help: "Copies of what rooms said."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "xmpp_login_failures_total", Help: "Logins that failed."}),
		slow:     prometheus.NewCounter(prometheus.CounterOpts{Name: "xmpp_slow_clients_total", Help: "Connections ended because too much waited."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muc_refusals_total",
			Help: "Stanzas that rooms refused, by error condition."}, []string{"condition"}),
		stored: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "muc_store_seconds", Help: "How long writes to the store took.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.sessions, m.received, m.sent, m.failures, m.slow, m.refused, m.stored)
	return m
}

func (m *metrics) observer() service.Observer {
	return service.Observer{
		Delivered: func(copies int) { m.sent.Add(float64(copies)) },
		Refused:   func(e *muc.StanzaError) { m.refused.WithLabelValues(string(e.Condition)).Inc() },
		Stored:    func(_, _ int, took time.Duration, _ error) { m.stored.Observe(took.Seconds()) },
	}
}

// observe adds what is looked up when somebody asks for it.
func (m *metrics) observe(s *server) {
	for _, g := range []struct {
		name, help string
		value      func() int
	}{
		{"xmpp_connections", "Connections, of which some are not logged in.", func() int { s.mu.RLock(); defer s.mu.RUnlock(); return len(s.clients) }},
		{"xmpp_unsent_bytes", "Buffers of what waits to be sent.", func() int { return int(s.unsent.Load()) }},
		{"muc_rooms", "Rooms in memory.", func() int { return s.rooms.Stats().Rooms }},
		{"muc_occupants", "Occupants of all rooms.", func() int { return s.rooms.Stats().Occupants }},
		{"muc_stanzas_waiting", "Stanzas that wait for their room.", func() int { return s.rooms.Stats().Queued }},
		{"muc_memory_bytes", "What rooms hold, estimated.", func() int { return s.rooms.Stats().Memory }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { return float64(g.value()) }))
	}
}

// handler serves metrics and profiles, which are nobody's business but the operator's.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
