package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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

// A zmtp is one end of a connection between ZeroMQ sockets, this one a REQ. See https://rfc.zeromq.org/spec/23/.
type zmtp struct {
	conn net.Conn
	in   *bufio.Reader
}

// Flags of a frame.
const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
)

func dialREQ(endpoint string) (*zmtp, error) {
	transport, address, _ := strings.Cut(endpoint, "://")
	if transport == "ipc" {
		transport = "unix"
	}
	conn, err := net.Dial(transport, address)
	if err != nil {
		return nil, err
	}
	z := &zmtp{conn, bufio.NewReader(conn)}
	if err := z.greet(); err != nil {
		return nil, errors.Join(fmt.Errorf("greet %s: %w", endpoint, err), conn.Close())
	}
	return z, nil
}

// greet agrees on version 3.0, without encryption.
func (z *zmtp) greet() error {
	greeting := make([]byte, 64)
	greeting[0], greeting[9] = 0xff, 0x7f // signature
	greeting[10] = 3                      // version
	copy(greeting[12:], "NULL")           // mechanism
	ready := "\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ"
	if _, err := z.conn.Write(append(greeting, append([]byte{flagCommand, byte(len(ready))}, ready...)...)); err != nil {
		return err
	}
	if _, err := io.ReadFull(z.in, greeting); err != nil {
		return err
	}
	flags, answer, err := z.frame()
	if err == nil && (flags&flagCommand == 0 || !bytes.HasPrefix(answer, []byte("\x05READY"))) {
		err = fmt.Errorf("it answers %q", answer)
	}
	return err
}

func (z *zmtp) frame() (flags byte, body []byte, err error) {
	if flags, err = z.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	size := 1
	if flags&flagLong != 0 {
		size = 8
	}
	length := 0
	for range size {
		b, err := z.in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		length = length<<8 | int(b)
	}
	body = make([]byte, length)
	_, err = io.ReadFull(z.in, body)
	return flags, body, err
}

// send sends a message, whose frames are short, behind the empty one of REQ.
func (z *zmtp) send(frames ...string) error {
	message := []byte{flagMore, 0}
	for i, f := range frames {
		flags := byte(flagMore)
		if i == len(frames)-1 {
			flags = 0
		}
		message = append(append(message, flags, byte(len(f))), f...)
	}
	_, err := z.conn.Write(message)
	return err
}

// receive returns the next message without the empty frame; those that have none are not for a REQ.
func (z *zmtp) receive() (frames []string, err error) {
	for {
		flags, body, err := z.frame()
		switch {
		case err != nil:
			return nil, err
		case flags&flagCommand != 0:
			if context, ping := bytes.CutPrefix(body, []byte("\x04PING")); ping {
				pong := append([]byte("\x04PONG"), context[2:]...) // behind how long the peer waits
				if _, err := z.conn.Write(append([]byte{flagCommand, byte(len(pong))}, pong...)); err != nil {
					return nil, err
				}
			}
			continue
		}
		frames = append(frames, string(body))
		if flags&flagMore != 0 {
			continue
		}
		if len(frames) > 1 && frames[0] == "" {
			return frames[1:], nil
		}
		frames = nil
	}
}
