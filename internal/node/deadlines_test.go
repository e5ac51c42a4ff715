package node

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a connection that counts the deadlines that it is told.
type counted struct {
	net.Conn
	told int
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.told++
	return c.Conn.SetReadDeadline(t)
}

func (c *counted) SetWriteDeadline(t time.Time) error {
	c.told++
	return c.Conn.SetWriteDeadline(t)
}

// latePair is the two ends of a connection; the first has late deadlines.
func latePair(t *testing.T) (c *lateConn, under *counted, peer net.Conn) {
	mine, peer := net.Pipe()
	t.Cleanup(func() {
		if err := errors.Join(mine.Close(), peer.Close()); err != nil {
			t.Error(err)
		}
	})
	under = &counted{Conn: mine}
	return &lateConn{Conn: under}, under, peer
}

func in(d time.Duration) time.Time { return time.Now().Add(d) }

// ended fails the test unless something has ended by a deadline, after that long.
func ended(t *testing.T, began time.Time, after time.Duration, err error) {
	t.Helper()
	if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != after {
		t.Errorf("it ended after %v: %v; want the deadline, after %v", took, err, after)
	}
}

func TestTheLastDeadlineCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := latePair(t)
		for _, set := range []struct {
			deadlines []time.Duration
			ends      time.Duration
		}{
			{[]time.Duration{time.Second, 5 * time.Second}, 5 * time.Second},
			{[]time.Duration{5 * time.Second, time.Second}, time.Second},
			{[]time.Duration{time.Second, 9 * time.Second, 2 * time.Second}, 2 * time.Second},
			{[]time.Duration{9 * time.Second, -time.Second}, 0},
		} {
			began := time.Now()
			for _, d := range set.deadlines {
				_ = c.SetReadDeadline(in(d))
			}
			_, err := c.Read(make([]byte, 1))
			ended(t, began, set.ends, err)
			began = time.Now()
			for _, d := range set.deadlines {
				_ = c.SetWriteDeadline(in(d))
			}
			_, err = c.Write([]byte("a"))
			ended(t, began, set.ends, err)
		}
	})
}

func TestADeadlineThatComesLaterIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, under, _ := latePair(t)
		for range 100 {
			_ = c.SetDeadline(in(10 * time.Second))
			_ = c.SetDeadline(time.Time{})
			time.Sleep(time.Millisecond)
		}
		if under.told != 2 {
			t.Errorf("the connection was told %d deadlines, want 2", under.told)
		}
	})
}

func TestADeadlineThatWasTakenBackEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := latePair(t)
		_ = c.SetDeadline(in(time.Second))
		_ = c.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			_, _ = peer.Write([]byte("late"))
			time.Sleep(time.Minute)
			_, _ = io.ReadFull(peer, make([]byte, 3))
			time.Sleep(time.Minute)
			_, _ = io.ReadFull(peer, make([]byte, 5))
		}()
		b := make([]byte, 8)
		if n, err := c.Read(b); err != nil || string(b[:n]) != "late" {
			t.Errorf("read %q, %v", b[:n], err)
		}
		// A part of it is taken before the deadline that is known, the rest behind it.
		_ = c.SetWriteDeadline(in(90 * time.Second))
		_ = c.SetWriteDeadline(in(time.Hour))
		if n, err := c.Write([]byte("answered")); err != nil || n != 8 {
			t.Errorf("wrote %d bytes, %v", n, err)
		}
	})
}

func TestADeadlineInThePastEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := latePair(t)
		_ = c.SetReadDeadline(in(time.Hour))
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			_ = c.SetReadDeadline(time.Unix(1, 0))
		}()
		_, err := c.Read(make([]byte, 1))
		ended(t, began, time.Second, err)

		_ = c.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			_, _ = peer.Write([]byte("a"))
		}()
		if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read %d bytes, %v", n, err)
		}
	})
}
