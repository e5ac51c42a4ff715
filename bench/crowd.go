package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// What a crowd serves.
const (
	holdFunction  = "hold"  // its jobs are never answered
	replyFunction = "reply" // its jobs are answered with their bodies
)

// A crowd is many workers. They speak REQ to a system's queues, as workers in other languages do, over connections of this
// process: as many processes would not leave the machine any room.
type crowd struct {
	function    string
	connections []*zmtp
	cancel      context.CancelFunc
	done        sync.WaitGroup
	busy        chan struct{} // one for each worker that holds a job, or that a queue has spoken to if it answers them
	failed      chan error    // why one of them has none any more
}

// gather has so many workers join a system, and gives each a job that it holds.
func gather(ctx context.Context, sys *system, workers int) (*crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	c, err := assemble(ctx, cancel, sys, holdFunction, workers)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	for range workers {
		c.done.Go(func() { hold(ctx, client, sys.function(holdFunction)) })
	}
	return c, c.await(ctx, workers)
}

// employ has so many workers join a system that answer what they are given.
func employ(ctx context.Context, sys *system, workers int) (*crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	c, err := assemble(ctx, cancel, sys, replyFunction, workers)
	if err != nil {
		return nil, err
	}
	return c, c.await(ctx, workers)
}

func assemble(ctx context.Context, cancel context.CancelFunc, sys *system, function string, workers int) (*crowd, error) {
	c := &crowd{function: function, cancel: cancel, busy: make(chan struct{}, workers), failed: make(chan error, workers)}
	if err := c.join(ctx, sys, workers); err != nil {
		c.disperse()
		return nil, fmt.Errorf("%d workers: %w", workers, err)
	}
	return c, nil
}

// await waits until all workers are busy; if they are not, it ends them.
func (c *crowd) await(ctx context.Context, workers int) error {
	timeout := time.After(startTimeout)
	for n := range workers {
		select {
		case <-c.busy:
			continue
		case err := <-c.failed:
			c.disperse()
			return err
		case <-timeout:
			c.disperse()
			return fmt.Errorf("%d of %d workers had heard of a queue after %v", n, workers, startTimeout)
		case <-ctx.Done():
			c.disperse()
			return context.Cause(ctx)
		}
	}
	return nil
}

// disperse takes the jobs back and ends the workers.
func (c *crowd) disperse() {
	c.cancel()
	for _, z := range c.connections {
		_ = z.conn.Close()
	}
	c.done.Wait()
}

// join has workers ask the broker for their queues, and join them.
func (c *crowd) join(ctx context.Context, sys *system, workers int) error {
	broker, err := dialREQ("ipc://" + filepath.Join(sys.data, "sockets", "broker.ipc"))
	if err != nil {
		return err
	}
	defer func() { _ = broker.conn.Close() }()
	for n := range workers {
		name := crowdName(n)
		if err := broker.send("PLACE", name); err != nil {
			return err
		}
		answer, err := broker.receive()
		if err != nil {
			return err
		}
		if len(answer) != 3 || answer[0] != "QUEUE" {
			return fmt.Errorf("PLACE %s is answered by %q", name, answer)
		}
		queue, err := dialREQ(answer[2])
		if err != nil {
			return err
		}
		c.connections = append(c.connections, queue)
		c.done.Go(func() {
			if err := c.work(queue, name); ctx.Err() == nil {
				c.failed <- fmt.Errorf("worker %s: %w", name, err)
			}
		})
	}
	return nil
}

func crowdName(n int) string { return fmt.Sprintf("w-%04d", n) }

// work is a worker, until its connection ends: it keeps the first job that it gets, or answers all.
func (c *crowd) work(queue *zmtp, name string) error {
	if err := queue.send("READY", name, c.function); err != nil {
		return err
	}
	for heard := false; ; {
		message, err := queue.receive()
		if err != nil {
			return err
		}
		holds := c.function == holdFunction
		switch {
		case message[0] == "PING":
			err = queue.send("PONG")
		case message[0] == "JOB" && len(message) == 4 && !holds:
			err = queue.send("RESULT", message[1], message[3])
		case message[0] != "JOB":
			err = fmt.Errorf("it was told %q", message)
		}
		if err != nil {
			return err
		}
		if !heard && (message[0] == "JOB" || !holds) {
			heard = true
			c.busy <- struct{}{}
		}
	}
}

// hold sends a request that is not answered, again while nobody knows its function yet.
func hold(ctx context.Context, client *http.Client, url string) {
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(echoBody))
		if err != nil {
			return
		}
		if response, err := client.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
