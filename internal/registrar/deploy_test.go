package registrar

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"faasd/internal/registry"
	"faasd/internal/role"
)

// A shared store is one that others change, which is seen when it is read again.
type shared struct {
	registry.Store
	seen, is registry.Catalogue
}

func (s *shared) Catalogue() *registry.Catalogue { return &s.seen }

func (s *shared) Reload() (bool, error) {
	s.seen = s.is
	return true, nil
}

func (s *shared) Rollback(string, uint32) (uint32, error) {
	s.is.Functions[0].Removed = time.Time{}
	_, err := s.Reload()
	return s.is.Functions[0].Current, err
}

// Else it is taken for the version that was current all the time.
func TestARemovalThroughAnotherFrontendIsTakenBackThroughThisOne(t *testing.T) {
	hello := registry.Function{Name: "hello", Current: 3, Versions: []registry.Version{{Number: 3, State: registry.StateReady, Manifest: strings.Repeat("0", 64)}}}
	removed := hello
	removed.Removed = time.Now()
	s := newStage(t)
	r := NewRegistrar(s.m, &shared{
		seen: registry.Catalogue{Revision: 8, Functions: []registry.Function{hello}},
		is:   registry.Catalogue{Revision: 9, Functions: []registry.Function{removed}},
	}, nil, slog.New(slog.DiscardHandler))
	r.do = func(fn func(role.Time)) bool { fn(s.now); return true }
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody follows
	report, err := r.Rollback(ctx, "hello", 0, func(string) {})
	if err != nil || report.Unchanged || report.Version != 3 || report.Previous != 0 {
		t.Errorf("%+v, %v; want version 3 instead of none", report, err)
	}
}
