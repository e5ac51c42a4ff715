package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const checkTimeout = 10 * time.Second // for one answer; after that the request counts as lost

// errShortcut says that something answered which is not a worker: what was measured then is not faasd.
var errShortcut = errors.New("an answer names no queue or no worker: it did not cross the system, the run is invalid")

// The headers in which each answer of faasd names where it comes from.
const (
	queueHeader  = "X-Faasd-Queue"
	workerHeader = "X-Faasd-Worker"
)

// An answer to one request.
type answer struct {
	status        int
	body          []byte
	queue, worker string
}

func post(ctx context.Context, client *http.Client, url string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	return answer{
		status: response.StatusCode,
		body:   got,
		queue:  response.Header.Get(queueHeader),
		worker: response.Header.Get(workerHeader),
	}, err
}

// A checked pass of requests.
type checked struct {
	sent, failed int
	first        string // the first failure
}

// check sends count requests under a load, each with a body of its own. wrk needs it as its
// conscience: all its requests are alike, and one that is never answered it does not count at all.
func check(ctx context.Context, sys *system, l load, count int) (checked, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: l.Clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	var (
		next     atomic.Int64
		shortcut atomic.Bool
		mu       sync.Mutex // guards result
		result   = checked{sent: count}
		done     sync.WaitGroup
	)
	for range l.Clients {
		done.Go(func() {
			for n := next.Add(1); n <= int64(count) && ctx.Err() == nil; n = next.Add(1) {
				body := numberedBody(int(n), l.Body)
				got, err := post(ctx, client, sys.url, body)
				if why := fault(got, err, body); why != "" {
					mu.Lock()
					if result.failed++; result.first == "" {
						result.first = fmt.Sprintf("request %d: %s", n, why)
					}
					mu.Unlock()
				} else if sys.crosses && (got.queue == "" || got.worker == "") {
					shortcut.Store(true)
				}
			}
		})
	}
	done.Wait()
	if ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	if shortcut.Load() {
		return result, errShortcut
	}
	return result, nil
}

// fault says what is wrong with an answer, or nothing.
func fault(got answer, err error, want []byte) string {
	switch {
	case err != nil:
		return err.Error()
	case got.status != http.StatusOK:
		return fmt.Sprintf("status %d: %.200s", got.status, got.body)
	case !bytes.Equal(got.body, want):
		return fmt.Sprintf("got %.100q, want %.100q", got.body, want)
	}
	return ""
}
