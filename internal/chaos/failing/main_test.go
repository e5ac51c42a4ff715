package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"faasd/internal/function"
)

func TestEachFunctionFailsInItsWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, kind := range map[string]string{"reports": "myError", "mumbles": "", "exits": function.TypeExit, "overruns": function.TypeTimeout} {
		_, err := functions()[name].Invoke(ctx, function.Invocation{})
		var own *function.Error
		var failure *function.Failure
		switch {
		case errors.As(err, &own) && own.Type == kind && len(own.Body) > 0:
		case errors.As(err, &failure) && failure.Type == kind && failure.Message != "":
		default:
			t.Errorf("%s says %v", name, err)
		}
	}
	if _, err := functions()["hangs"].Invoke(ctx, function.Invocation{}); !errors.Is(err, context.Canceled) {
		t.Errorf("hangs says %v", err)
	}
}

func TestCountsSaysHowOftenItWasCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := functions()["counts"]
		for _, want := range []string{"1", "2"} {
			if r, err := f.Invoke(t.Context(), function.Invocation{}); err != nil || string(r.Body) != want {
				t.Errorf("%s, %v, want %s", r.Body, err, want)
			}
		}
	})
}
