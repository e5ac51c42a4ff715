package deployed

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faasd/internal/proc"
	"faasd/internal/registrar/admin"
)

func TestADeployThroughAFrontendWhoseStoreDoesNotCountIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := apart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Workers: 1, Frontends: 1})
	s.site(1).deploy("f", says(t, "v1"))
	if _, err := s.AddFrontend(within(t), "--store", filepath.Join(t.TempDir(), "store")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := s.site(2).tryDeploy("f", says(t, "other"))
	if !errors.Is(err, admin.ErrOtherStore) || !strings.Contains(err.Error(), "frontend1") {
		t.Errorf("it is answered %v, want that frontend1 has another store", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it is refused after %s", took)
	}
	s.site(1).deploy("f", says(t, "v2"))
	s.site(1).answers("f", "", "v2")
}
