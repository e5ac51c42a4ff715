package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/function"
)

func TestAFunctionTakesItsTimeAndAnswersWithWhatItIsGiven(t *testing.T) {
	for text, want := range map[string]time.Duration{"slow=20ms": 20 * time.Millisecond, "echo=0s": 0} {
		name, f, err := parse(text)
		if err != nil || !strings.HasPrefix(text, name+"=") {
			t.Fatalf("%q is read as %q, %v", text, name, err)
		}
		began := time.Now()
		r, err := f.Invoke(t.Context(), function.Invocation{Body: []byte("x"), ContentType: "text/x"})
		if took := time.Since(began); err != nil || string(r.Body) != "x" || r.ContentType != "text/x" || took < want {
			t.Errorf("%s: %q of type %q, %v, after %s", text, r.Body, r.ContentType, err, took)
		}
	}
}

func TestAFunctionEndsWithItsJob(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := timed(time.Hour).Invoke(ctx, function.Invocation{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
}

func TestWhatIsNoFunctionIsRefused(t *testing.T) {
	for _, text := range []string{"", "slow", "slow=", "slow=20", "slow=-1s", "=20ms", "a/b=20ms"} {
		c := &worker{times: []string{text}}
		if err := c.Validate(); !errors.Is(err, config.ErrUsage) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
