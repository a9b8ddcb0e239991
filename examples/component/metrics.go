package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/service"
)

// metrics are what an operator watches. README.md lists them.
type metrics struct {
	registry  *prometheus.Registry
	received  prometheus.Counter
	sent      prometheus.Counter
	unsent    prometheus.Counter
	dropped   *prometheus.CounterVec
	connected prometheus.Gauge
	streams   prometheus.Counter
	refusals  *prometheus.CounterVec
	events    prometheus.Counter
	failures  *prometheus.CounterVec
	latency   *prometheus.HistogramVec
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		received: counter("muc_stanzas_received_total", "Stanzas from the server."),
		sent:     counter("muc_stanzas_sent_total", "Stanzas to the server, one for each recipient."),
		unsent:   counter("muc_stanzas_unsent_total", "Stanzas that were given up at a stop, before they were sent."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muc_stanzas_dropped_total",
			Help: "Stanzas that were not sent: too large, queue full, or ended a stream."}, []string{"reason"}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Name: "muc_connected",
			Help: "1 while the component is connected to the server."}),
		streams: counter("muc_streams_total", "Streams to the server that were opened."),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muc_refusals_total",
			Help: "Stanzas that were refused, by error condition."}, []string{"condition"}),
		events: counter("muc_store_events_total", "Events that were stored."),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "muc_store_failures_total",
			Help: "Calls of the store that failed."}, []string{"call"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "muc_store_seconds",
			Help:    "How long calls of the store took: append and load.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}, []string{"call"}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.received, m.sent, m.unsent, m.dropped, m.connected, m.streams, m.refusals, m.events, m.failures, m.latency)
	return m
}

// observer counts what the service does.
func (m *metrics) observer() service.Observer {
	return service.Observer{
		Received: m.received.Inc,
		Stored: func(_, events int, took time.Duration, err error) {
			m.call("append", took, err)
			if err == nil {
				m.events.Add(float64(events))
			}
		},
		Loaded: func(took time.Duration, err error) { m.call("load", took, err) },
	}
}

func (m *metrics) call(name string, took time.Duration, err error) {
	m.latency.WithLabelValues(name).Observe(took.Seconds())
	if err != nil {
		m.failures.WithLabelValues(name).Inc()
	}
}

func (m *metrics) refused(e *muc.StanzaError) {
	m.refusals.WithLabelValues(string(e.Condition)).Inc()
}

func (m *metrics) written(stanzas int) { m.sent.Add(float64(stanzas)) }

func (m *metrics) connection(up bool) {
	m.connected.Set(0)
	if up {
		m.connected.Set(1)
		m.streams.Inc()
	}
}

// observe adds what is looked up when somebody asks for it.
func (m *metrics) observe(c *component) {
	stats := func() (now service.Stats) {
		if s := c.service(); s != nil {
			now = s.Stats()
		}
		return now
	}
	for _, g := range []struct {
		name, help string
		value      func() int
	}{
		{"muc_rooms", "Rooms in memory.", func() int { return stats().Rooms }},
		{"muc_rooms_listed", "Public rooms, in memory or not.", func() int { return stats().Listed }},
		{"muc_occupants", "Occupants of all rooms.", func() int { return stats().Occupants }},
		{"muc_sessions", "Clients inside, of which an occupant may have several.", func() int { return stats().Sessions }},
		{"muc_stanzas_waiting", "Stanzas that wait for their room.", func() int { return stats().Queued }},
		{"muc_send_queue_bytes", "Bytes that wait to be sent.", func() int { n, _ := c.link.Queue().Len(); return n }},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { return float64(g.value()) }))
	}
}

// serve answers at an address until it is stopped; without one it does nothing.
func (m *metrics) serve(address string, log *slog.Logger) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		what := "take another port, or stop what uses it"
		switch {
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			what = "take an address of this machine"
		case errors.Is(err, fs.ErrPermission):
			what = "take a port from 1024 on"
		}
		return nil, fmt.Errorf("-metrics: %w: %s", err, what)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("no metrics any more", "error", err)
		}
	}()
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil { // somebody is still being answered
			_ = server.Close()
		}
		return nil
	}, nil
}
