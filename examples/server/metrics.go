package main

import (
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/service"
)

// metrics are what an operator watches.
type metrics struct {
	registry *prometheus.Registry
	sent     prometheus.Counter
	refused  *prometheus.CounterVec
	stored   prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		sent:     prometheus.NewCounter(prometheus.CounterOpts{Name: "muc_stanzas_sent_total", Help: "Copies of what rooms said."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muc_refusals_total",
			Help: "Stanzas that rooms refused, by error condition."}, []string{"condition"}),
		stored: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "muc_store_seconds", Help: "How long writes to the store took.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.sent, m.refused, m.stored)
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
func (m *metrics) observe(clients *c2s.Server, rooms *service.Service) {
	for _, g := range []struct {
		name, help string
		value      func() int
	}{
		{"xmpp_sessions", "Clients that are logged in.", func() int { return clients.Stats().Sessions }},
		{"xmpp_connections", "Connections, of which some are not logged in.", func() int { return clients.Stats().Connections }},
		{"xmpp_unsent_bytes", "Buffers of what waits to be sent.", func() int { return clients.Stats().Unsent }},
		{"muc_rooms", "Rooms in memory.", func() int { return rooms.Stats().Rooms }},
		{"muc_occupants", "Occupants of all rooms.", func() int { return rooms.Stats().Occupants }},
		{"muc_stanzas_waiting", "Stanzas that wait for their room.", func() int { return rooms.Stats().Queued }},
		{"muc_memory_bytes", "What rooms hold, estimated.", func() int { return rooms.Stats().Memory }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { return float64(g.value()) }))
	}
	for _, c := range []struct {
		name, help string
		value      func() int64
	}{
		{"xmpp_stanzas_received_total", "Stanzas of clients.", func() int64 { return clients.Stats().Received }},
		{"xmpp_login_failures_total", "Logins that failed.", func() int64 { return clients.Stats().Failures }},
		{"xmpp_slow_clients_total", "Connections ended because too much waited.", func() int64 { return clients.Stats().Slow }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help},
			func() float64 { return float64(c.value()) }))
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
