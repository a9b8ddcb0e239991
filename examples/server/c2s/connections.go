package c2s

import (
	"net"
	"net/http"
	"net/netip"
)

// counts are how many connections there are, and how many of them are not logged in.
type counts struct{ all, strangers int }

// share is the part of all connections that one address may have.
const share = 5

// origin is what counts as one address: for IPv6 a network of 64 bits. Behind those of this machine may be a
// proxy, for many: there it is zero.
func origin(conn net.Conn) (from netip.Prefix) {
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		ip := a.AddrPort().Addr().Unmap()
		from, _ = ip.Prefix(min(64, ip.BitLen()))
	}
	return from
}

// admit counts a connection, if there is a place for it: no address takes all. The caller holds mu.
func (s *Server) admit(from netip.Prefix, one counts) bool {
	full := func(is counts, share int) bool {
		return is.all+one.all > max(1, s.Bounds.Connections/share) || is.strangers+one.strangers > max(1, s.Bounds.Strangers/share)
	}
	if s.stopping || full(s.counts[netip.Prefix{}], 1) || from.IsValid() && full(s.counts[from], share) {
		s.refused.Add(1)
		return false
	}
	s.count(from, one)
	return true
}

// count counts more connections, or less, from an address and in all. The caller holds mu.
func (s *Server) count(from netip.Prefix, more counts) {
	for of := range map[netip.Prefix]bool{{}: true, from: true} {
		is := counts{s.counts[of].all + more.all, s.counts[of].strangers + more.strangers}
		if s.counts[of] = is; is == (counts{}) {
			delete(s.counts, of)
		}
	}
}

// ConnState is for the http.Server of [Server.WebSocket]: its connections are counted with the others, and
// closed if there is no place for them.
func (s *Server) ConnState(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state == http.StateNew && s.admit(origin(conn), counts{all: 1}):
		s.requests[conn] = true
	case state == http.StateNew:
		_ = conn.Close()
	case s.requests[conn] && (state == http.StateHijacked || state == http.StateClosed):
		delete(s.requests, conn)
		s.count(origin(conn), counts{all: -1})
	}
}
