package frontend_test

import (
	"testing"

	"faasd/internal/sim"
)

// FuzzReceive: any packet on any link harms nobody; see sim.Fuzz.
func FuzzReceive(f *testing.F) { sim.Fuzz(f, "frontend1") }
