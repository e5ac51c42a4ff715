package function

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// FuzzEcho: whatever it is given comes back, with its content type.
func FuzzEcho(f *testing.F) {
	f.Add([]byte(nil), "")
	f.Add([]byte(`{"hola":"mundo"}`), "application/json")
	f.Add([]byte{0, 0xff}, "text/plain; charset=latin1")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		before := bytes.Clone(body)
		res, err := Echo{}.Invoke(context.Background(), Invocation{ContentType: contentType, Body: body})
		if err != nil || !bytes.Equal(res.Body, before) || res.ContentType != contentType {
			t.Errorf("%q of type %q, %v", res.Body, res.ContentType, err)
		}
	})
}

func TestAFunctionsOwnErrorIsToldApart(t *testing.T) {
	own := &Error{Result: Result{ContentType: "text/plain", Body: []byte(strings.Repeat("long ", 1000))}}
	wrapped := fmt.Errorf("calling: %w", own)
	var found *Error
	if !errors.As(wrapped, &found) || found != own {
		t.Error("it is not found behind another error")
	}
	if text := own.Error(); !strings.Contains(text, "long long") || len(text) > 300 {
		t.Errorf("it says %d bytes: %.80q", len(text), text)
	}
}
