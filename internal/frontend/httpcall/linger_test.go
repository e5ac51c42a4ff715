package httpcall

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/frontend/frontendtest"
	"faasd/internal/frontend/httpserver"
)

// refusals are requests that are refused before their body is read.
var refusals = []struct {
	name, method, path string
	size               int
	status             int
	kind               string
}{
	{"an unknown function", "POST", "/nobody", large, http.StatusNotFound, "unknown-function"},
	{"no route", "POST", "/a/b", large, http.StatusNotFound, "not-found"},
	{"the wrong method", "PUT", "/echo", large, http.StatusMethodNotAllowed, "method-not-allowed"},
	{"too large", "POST", "/echo", 3 * large, http.StatusRequestEntityTooLarge, "body-too-large"},
	{"full", "POST", "/full", large, http.StatusServiceUnavailable, "full"},
}

// refusing makes a stage at which they are.
func refusing(t *testing.T) *stage {
	s := newStage(t, frontendtest.Echo)
	s.letLarge()
	s.Hear("full")
	if !s.calls.bodies.reserve("full", 0, 4*large) {
		t.Fatal("no room")
	}
	return s
}

// As Python's http.client does, and whoever else sends all of it first.
func TestAClientThatSendsAllOfABodyFirstSeesWhyItIsRefused(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := refusing(t).Dial()
			client.Say(c.method, c.path, fmt.Sprint("Content-Length: ", c.size), strings.Repeat("x", c.size))
			w := client.Hear()
			frontendtest.IsProblem(t, w, c.status, c.kind)
			if w.Header().Get("Connection") != "close" {
				t.Error("the connection is to be used again")
			}
		})
		t.Run(c.name+", in chunks", func(t *testing.T) {
			t.Parallel()
			client := refusing(t).Dial()
			client.Say(c.method, c.path, "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", c.size, strings.Repeat("x", c.size)))
			frontendtest.IsProblem(t, client.Hear(), c.status, c.kind)
		})
	}
}

func TestAGoClientSeesWhyALargeBodyIsRefused(t *testing.T) {
	s := refusing(t)
	url := "http://" + s.Serve()
	for _, c := range refusals {
		for _, body := range []io.Reader{bytes.NewReader(make([]byte, c.size)), io.LimitReader(zeros{}, int64(c.size))} {
			r, err := http.NewRequest(c.method, url+c.path, body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != c.status {
				t.Errorf("%s: status %d, %v, want %d", c.name, resp.StatusCode, err, c.status)
			}
			resp.Body.Close()
		}
	}
}

// zeros are without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAConnectionGoesOnBehindASmallBodyThatWasNotRead(t *testing.T) {
	c := newStage(t, frontendtest.Echo).Dial()
	for header, body := range map[string]string{"Content-Length: 5": "12345", "Transfer-Encoding: chunked": "5\r\n12345\r\n0\r\n\r\n"} {
		c.Say("PUT", "/echo", header, body)
		frontendtest.IsProblem(t, c.Hear(), http.StatusMethodNotAllowed, "method-not-allowed")
		c.Say("POST", "/echo", "Content-Length: 1", "x")
		if w := c.Hear(); w.Code != http.StatusOK || w.Body.String() != "x" {
			t.Errorf("%s: then status %d, %q", header, w.Code, w.Body)
		}
	}
}

// Nobody holds a connection for long, neither by sending on nor by waiting.
func TestAClientThatHasItsAnswerMaySendOnForAWhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		pause  time.Duration // between two bytes of the body
		answer time.Duration // after which it comes
	}{
		{"stands still", large, time.Hour, 0},
		{"trickles", large, 500 * time.Millisecond, 0},
		{"owes little", 1000, time.Hour, httpserver.RestFor},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := refusing(t).Pipe()
				client.Say("POST", "/nobody/at/all", fmt.Sprint("Content-Length: ", c.size), "")
				began := time.Now()
				tick := time.NewTicker(c.pause)
				defer tick.Stop()
				over := make(chan struct{})
				defer close(over)
				go func() {
					for {
						_, _ = client.Write([]byte("x"))
						select {
						case <-tick.C:
						case <-over:
							return
						}
					}
				}()
				frontendtest.IsProblem(t, client.Hear(), http.StatusNotFound, "not-found")
				if took := time.Since(began); took != c.answer {
					t.Errorf("the answer took %s, want %s", took, c.answer)
				}
				client.Closed()
				if took := time.Since(began); took > httpserver.LingerFor {
					t.Errorf("the connection ends after %s", took)
				}
			})
		})
	}
}
