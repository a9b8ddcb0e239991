package main

import (
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/examples/server/c2s"
	"github.com/gomuc/muc/service"
)

// figures are what is looked up when an operator asks: counters end with _total.
var figures = []struct {
	name, help string
	value      func(clients c2s.Stats, rooms service.Stats) int
}{
	{"xmpp_sessions", "Clients that are logged in.", func(c c2s.Stats, _ service.Stats) int { return c.Sessions }},
	{"xmpp_connections", "Connections, of which some are not logged in.", func(c c2s.Stats, _ service.Stats) int { return c.Connections }},
	{"xmpp_refused_connections_total", "Connections for which there was no place.", func(c c2s.Stats, _ service.Stats) int { return c.Refused }},
	{"xmpp_unsent_bytes", "Buffers of what waits to be sent.", func(c c2s.Stats, _ service.Stats) int { return c.Unsent }},
	{"xmpp_stanzas_received_total", "Stanzas of clients.", func(c c2s.Stats, _ service.Stats) int { return c.Received }},
	{"xmpp_login_failures_total", "Logins that failed.", func(c c2s.Stats, _ service.Stats) int { return c.Failures }},
	{"xmpp_slow_clients_total", "Connections ended because too much waited.", func(c c2s.Stats, _ service.Stats) int { return c.Slow }},
	{"muc_rooms", "Rooms in memory.", func(_ c2s.Stats, r service.Stats) int { return r.Rooms }},
	{"muc_occupants", "Occupants of all rooms.", func(_ c2s.Stats, r service.Stats) int { return r.Occupants }},
	{"muc_stanzas_waiting", "Stanzas that wait for their room.", func(_ c2s.Stats, r service.Stats) int { return r.Queued }},
	{"muc_memory_bytes", "What rooms hold, estimated.", func(_ c2s.Stats, r service.Stats) int { return r.Memory }},
}

// observer counts what rooms do.
func observer(registry *prometheus.Registry) service.Observer {
	with := promauto.With(registry)
	sent := with.NewCounter(prometheus.CounterOpts{Name: "muc_stanzas_sent_total", Help: "Copies of what rooms said."})
	refused := with.NewCounterVec(prometheus.CounterOpts{Name: "muc_refusals_total",
		Help: "Stanzas that rooms refused, by error condition."}, []string{"condition"})
	stored := with.NewHistogram(prometheus.HistogramOpts{Name: "muc_store_seconds", Help: "How long writes to the store took.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)})
	return service.Observer{
		Delivered: func(copies int) { sent.Add(float64(copies)) },
		Refused:   func(e *muc.StanzaError) { refused.WithLabelValues(string(e.Condition)).Inc() },
		Stored:    func(_, _ int, took time.Duration, _ error) { stored.Observe(took.Seconds()) },
	}
}

// operating serves metrics and profiles, which are nobody's business but the operator's.
func operating(registry *prometheus.Registry, clients *c2s.Server, rooms *service.Service) http.Handler {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, f := range figures {
		value := func() float64 { return float64(f.value(clients.Stats(), rooms.Stats())) }
		if strings.HasSuffix(f.name, "_total") {
			registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: f.name, Help: f.help}, value))
		} else {
			registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: f.name, Help: f.help}, value))
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
