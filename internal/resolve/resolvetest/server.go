// Package resolvetest has a DNS server for tests: a real one, on a port of
// loopback, asked by Go's own resolver.
package resolvetest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"faasd/internal/resolve"
)

// Server answers for the names that it was told of, and that there are no
// others.
type Server struct {
	conn net.PacketConn
	done chan struct{}

	mu      sync.Mutex // guards what follows
	names   map[string][]netip.Addr
	refuses bool
	asked   map[string]int
}

// NewServer starts a server that knows nothing. It stops when the test ends.
func NewServer(t testing.TB) *Server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{conn: conn, done: make(chan struct{}), names: make(map[string][]netip.Addr), asked: make(map[string]int)}
	go s.serve()
	t.Cleanup(s.Stop)
	return s
}

// Set has a name stand for these addresses; none, and it exists without any.
func (s *Server) Set(name string, addrs ...string) {
	parsed := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		parsed[i] = netip.MustParseAddr(a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = parsed
}

// Remove has a name exist no more.
func (s *Server) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
}

// Refuse has the server fail (SERVFAIL), or go on.
func (s *Server) Refuse(refuses bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuses
}

// Asked returns how many questions about a name have come.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

// Stop ends the server: nobody answers at its port any more.
func (s *Server) Stop() {
	_ = s.conn.Close()
	<-s.done
}

// Resolver asks this server alone, often.
func (s *Server) Resolver() *resolve.Resolver {
	to := s.conn.LocalAddr().String()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", to)
	}}
	return &resolve.Resolver{
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return r.LookupNetIP(ctx, "ip", host+".") // without the machine's search list
		},
		Every: 50 * time.Millisecond, Hurry: 20 * time.Millisecond,
	}
}

func (s *Server) serve() {
	defer close(s.done)
	buf := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer, ok := s.answer(buf[:n]); ok {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *Server) answer(question []byte) (answer []byte, ok bool) {
	var asked dnsmessage.Message
	if asked.Unpack(question) != nil || len(asked.Questions) != 1 {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := asked.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	s.asked[name]++
	said := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: asked.Questions,
	}
	addrs, known := s.names[name]
	switch {
	case s.refuses:
		said.RCode = dnsmessage.RCodeServerFailure
	case !known:
		said.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addrs {
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case s.refuses:
		case a.Is4() && q.Type == dnsmessage.TypeA:
			said.Answers = append(said.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			said.Answers = append(said.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	answer, err := said.Pack()
	return answer, err == nil
}
