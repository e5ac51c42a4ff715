package httpserver

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// endsAfter checks that the server hangs up without a word, then and, but for
// slack, not before.
func (c *client) endsAfter(want time.Duration) {
	c.t.Helper()
	began := time.Now()
	c.ended()
	if took := time.Since(began); took > want || took < want-slack {
		c.t.Errorf("the connection ends after %s, want %s", took, want)
	}
}

func ok(x *Exchange) { x.Send(http.StatusOK, []byte("ok")) }

func TestASlowHeadEndsItsConnection(t *testing.T) {
	for name, c := range map[string]struct {
		before int // requests
		head   string
		pause  time.Duration // between two bytes of it
	}{
		"none at all":               {0, "", 0},
		"the first stands still":    {0, "POST /a HT", 0},
		"the first trickles":        {0, next, time.Second},
		"a later one stands still":  {2, "POST /a HT", 0},
		"a later one trickles":      {2, next, time.Second},
		"a later one's second line": {1, post, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := pipe(t, ok)
				for range c.before {
					client.say(next)
					client.hear()
					time.Sleep(time.Minute)
				}
				go func() {
					for i := range c.head {
						_, _ = client.Write([]byte{c.head[i]})
						time.Sleep(c.pause)
					}
				}()
				client.endsAfter(HeadWithin)
				time.Sleep(time.Minute) // the other goroutine's end
			})
		})
	}
}

func TestAnIdleConnectionEndsAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipe(t, ok)
		for range 3 {
			c.say(next)
			c.hear()
			time.Sleep(IdleFor - slack - time.Millisecond)
		}
		c.say(next)
		c.hear()
		c.endsAfter(IdleFor)
	})
}

// A connection under load has its deadline set now and then, not for each request.
func TestABusyConnectionIsNotTakenForAnIdleOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipe(t, ok)
		for range 1000 {
			c.say(next)
			c.hear()
			time.Sleep(slack / 2)
		}
		c.endsAfter(IdleFor)
	})
}

func TestAnAnswerThatIsNotReadEndsItsConnection(t *testing.T) {
	for _, size := range []int{1, smallAnswer, 3 * pieceOf} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				returned := make(chan time.Time, 1)
				c := pipe(t, func(x *Exchange) {
					x.Send(http.StatusOK, []byte(strings.Repeat("y", size)))
					returned <- time.Now()
				})
				began := time.Now()
				c.say(next)
				if took := (<-returned).Sub(began); took != WriteWithin {
					t.Errorf("the answer is given up after %s, want %s", took, WriteWithin)
				}
			})
		})
	}
}

func TestALargeAnswerMayTakeLongIfItGetsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces = 4
		c := pipe(t, func(x *Exchange) { x.Send(http.StatusOK, make([]byte, pieces*pieceOf)) })
		c.say(next)
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range pieces {
			time.Sleep(WriteWithin - time.Second)
			if n, err := io.CopyN(io.Discard, resp.Body, pieceOf); err != nil {
				t.Errorf("breaks off after %d bytes: %v", n, err)
			}
		}
		c.say(next)
		c.hear()
	})
}
