package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

const (
	quietRequests = 100_000
	quietClients  = 128
)

// Every one of 100,000 different requests is answered, once, with its own
// body, by a job of its own.
func TestNothingIsLostInAQuietSystem(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *system) {
		var next atomic.Int64
		type result struct {
			jobs    []string
			retried int
			err     error
		}
		results := make(chan result, quietClients)
		began := time.Now()
		for range quietClients {
			c := quietClient{line: s.connect()}
			go func() {
				var r result
				for r.err == nil {
					n := next.Add(1)
					if n > quietRequests {
						break
					}
					if r.err = c.call(n); r.err == nil {
						r.jobs = append(r.jobs, c.job)
						if c.attempt != "1" {
							r.retried++
						}
					}
				}
				results <- r
			}()
		}
		jobs := make(map[string]struct{}, quietRequests)
		retried := 0
		for range quietClients {
			r := <-results
			if r.err != nil {
				t.Error(r.err)
			}
			retried += r.retried
			for _, id := range r.jobs {
				jobs[id] = struct{}{}
			}
		}
		took := time.Since(began)
		t.Logf("%d requests by %d clients in %s, %.0f a second; %d took more than one attempt",
			quietRequests, quietClients, took.Round(time.Millisecond), quietRequests/took.Seconds(), retried)
		if len(jobs) != quietRequests {
			t.Errorf("%d different jobs were answered, want %d", len(jobs), quietRequests)
		}
		s.awaitHeld(0)
		w := s.watch()
		eventually(t, patience, func() error {
			b, ok := w.all("broker")["broker1"]
			if !ok || b.Broker.Holding != 0 || b.Broker.Unrouted != 0 {
				return fmt.Errorf("the broker still holds jobs: %+v", b.Broker)
			}
			return nil
		})
	})
}

// A quietClient is an HTTP client that costs little beside what it tests. A
// second answer to a request would be taken for the answer to the next.
type quietClient struct {
	*line
	out          []byte
	job, attempt string
}

// call sends the request with that number and checks the answer.
func (c *quietClient) call(n int64) error {
	body := fmt.Sprintf("%d %x", n, uint64(n)*0x9e3779b97f4a7c15)
	if err := c.SetDeadline(time.Now().Add(clientTimeout)); err != nil {
		return err
	}
	c.out = fmt.Appendf(c.out[:0], "POST /echo HTTP/1.1\r\nHost: faasd\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := c.Write(c.out); err != nil {
		return fmt.Errorf("send request %d: %w", n, err)
	}
	status, length := "", -1
	for {
		row, err := c.r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("answer to request %d: %w", n, err)
		}
		row = bytes.TrimRight(row, "\r\n")
		if status == "" {
			status = string(row)
			continue
		}
		if len(row) == 0 {
			break
		}
		name, value, _ := bytes.Cut(row, []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case "X-Faasd-Job":
			c.job = string(value)
		case "X-Faasd-Attempt":
			c.attempt = string(value)
		}
	}
	if length < 0 {
		return errors.New("an answer without a length: " + status)
	}
	got, err := c.r.Peek(length)
	if err != nil {
		return fmt.Errorf("answer to request %d: %w", n, err)
	}
	if status != "HTTP/1.1 200 OK" || string(got) != body {
		return fmt.Errorf("request %d, %q, was answered %s, %q", n, body, status, got)
	}
	if _, err := c.r.Discard(length); err != nil {
		return err
	}
	if c.r.Buffered() > 0 {
		return fmt.Errorf("something comes behind the answer to request %d", n)
	}
	return nil
}
