package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMain makes the test's program the contenders, too: they are started as what starts them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && contenders[os.Args[1]] != nil {
		println(contenders[os.Args[1]](os.Args[2:]).Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// contend starts a system for a test.
func contend(t *testing.T, name string) *system {
	t.Helper()
	folder := t.TempDir()
	sys, err := newStarter(folder, filepath.Join(folder, "no-faasd"), "").start(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.stop(); err != nil {
			t.Error(err)
		}
	})
	return sys
}

func TestContendersAnswerEachWithItsOwn(t *testing.T) {
	for name, processes := range map[string]int{bareSystem: 1, natsSystem: 4, proxySystem: 2} {
		t.Run(name, func(t *testing.T) {
			sys := contend(t, name)
			if got, err := check(t.Context(), sys, load{4, 64 << 10}, 200); err != nil || got.failed != 0 {
				t.Errorf("got %+v, %v", got, err)
			}
			if len(sys.processes) != processes {
				t.Errorf("%d processes instead of %d", len(sys.processes), processes)
			}
			if err := sys.alive(); err != nil {
				t.Error(err)
			}
		})
	}
}
