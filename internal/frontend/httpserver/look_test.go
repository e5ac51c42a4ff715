package httpserver

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// waits works on a request for some time, or until its client goes away.
func waits(work time.Duration, gone chan<- bool) func(*Exchange) {
	return func(x *Exchange) {
		if _, err := io.Copy(io.Discard, x); err != nil {
			return
		}
		x.Watch()
		defer x.Unwatch()
		select {
		case <-time.After(work):
			gone <- false
			x.Unwatch()
			ok(x)
		case <-x.Context().Done():
			gone <- true
			x.Leave(499)
		}
	}
}

func TestAClientThatGoesAwayIsNoticed(t *testing.T) {
	for name, leave := range map[string]func(*client) error{
		"hangs up":     func(c *client) error { return c.Close() },
		"says no more": func(c *client) error { return c.Conn.(*net.TCPConn).CloseWrite() },
		"resets": func(c *client) error {
			return errors.Join(c.Conn.(*net.TCPConn).SetLinger(0), c.Close())
		},
	} {
		for when, wait := range map[string]time.Duration{"at once": 0, "while it is looked": 2 * lookAfter} {
			t.Run(name+" "+when, func(t *testing.T) {
				gone := make(chan bool)
				c := dial(t, newServer(t, waits(time.Hour, gone)).address)
				c.say(post + "Content-Length: 1\r\n\r\nx")
				<-time.After(wait)
				if err := leave(c); err != nil {
					t.Fatal(err)
				}
				if !<-gone {
					t.Error("nobody notices")
				}
			})
		}
	}
}

func TestAConnectionGoesOnBehindARequestThatWasWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan bool, 1)
		for _, work := range []time.Duration{0, lookAfter - 1, lookAfter, lookAfter + 1, time.Second, time.Hour} {
			c := pipe(t, waits(work, gone))
			for range 3 {
				c.say(post + "Content-Length: 1\r\n\r\nx")
				c.hear()
				if <-gone {
					t.Errorf("after %s: who waits is taken for one who has gone", work)
				}
				time.Sleep(IdleFor / 2)
			}
			c.endsAfter(IdleFor / 2)
		}
	})
}

func TestWhoSendsTheNextRequestEarlyIsThere(t *testing.T) {
	gone := make(chan bool, 3)
	c := dial(t, newServer(t, waits(3*lookAfter, gone)).address)
	c.say(next) // looked at
	<-time.After(2 * lookAfter)
	c.say(next + next) // is what it sees
	for range 3 {
		c.hear()
		if <-gone {
			t.Error("who sends on is taken for one who has gone")
		}
	}
}

// Answers that come just as it is first looked neither lose the connection nor what
// comes by it.
func TestNothingIsLostWhereLookingBegins(t *testing.T) {
	gone := make(chan bool, 1000)
	server := newServer(t, func(x *Exchange) { waits(lookAfter-time.Millisecond/2+time.Since(x.Began()), gone)(x) })
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			c := dial(t, server.address)
			for range 20 {
				c.say(post + "Content-Length: 1\r\n\r\nx")
				if resp, _ := c.hear(); resp.StatusCode != http.StatusOK {
					t.Errorf("answered %s", resp.Status)
				}
			}
		})
	}
	clients.Wait()
	for range 400 {
		if <-gone {
			t.Fatal("who waits is taken for one who has gone")
		}
	}
}
