package httpcall

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"

	"faasd/internal/frontend/frontendtest"
)

// returns answers with that many bytes whatever comes.
func returns(size int) func(*wire.Message) *wire.Message {
	body := []byte(strings.Repeat("y", size))
	return func(*wire.Message) *wire.Message {
		r := &wire.Message{}
		r.Attempt = 1
		r.SetBody(body)
		return r
	}
}

// begin makes a call and reads the answer's header.
func begin(t *testing.T, c *frontendtest.Client) *http.Response {
	t.Helper()
	c.Say("POST", "/echo", "Content-Length: 1", "x")
	resp, err := http.ReadResponse(c.R, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	return resp
}

// takes reads more of an answer.
func takes(t *testing.T, resp *http.Response, bytes int64) {
	t.Helper()
	if n, err := io.CopyN(io.Discard, resp.Body, bytes); err != nil {
		t.Errorf("%d of %d bytes: %v", n, bytes, err)
	}
}

// bodies returns what has room now, and the bytes that should have.
func (s *stage) bodies() (held job.Window, without int64) {
	b := &s.calls.bodies
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shares.All(), b.without
}

// isGivenUpAfter checks that an answer that is not read on is given up then, and
// not before, in a time of testing/synctest.
func (s *stage) isGivenUpAfter(want time.Duration, resp *http.Response) {
	s.T.Helper()
	<-time.After(want - time.Millisecond)
	if synctest.Wait(); len(s.Observed()) > 0 {
		s.T.Errorf("given up before %s", want)
	}
	<-time.After(2 * time.Millisecond)
	if synctest.Wait(); len(s.Observed()) != 1 {
		s.T.Errorf("not given up after %s", want)
	}
	if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		s.T.Errorf("the answer ends with %v, want that it breaks off", err)
	}
}

func TestAResultMustBeReadAtThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, returns(large))
		s.letLarge()
		resp := begin(t, s.Pipe())
		for range 10 { // slowly, but fast enough
			time.Sleep(paceTime - time.Second)
			takes(t, resp, paceBytes)
		}
		synctest.Wait()
		s.isGivenUpAfter(paceTime, resp)
		s.nothingReserved()
	})
}

// fill leaves no room for echo.
func (s *stage) fill() (empty func()) {
	s.T.Helper()
	if !s.calls.bodies.reserve("echo", 0, 4*large) {
		s.T.Fatal("no room")
	}
	return func() { s.calls.bodies.release("echo", 4*large) }
}

func TestAResultWithoutRoomMustBeReadInAHurry(t *testing.T) {
	for _, c := range []struct {
		name    string
		without int64 // bytes that others have without room
		every   time.Duration
	}{
		{"a little is without room", 0, hurryTime},
		{"much is", 8*large + 1, hurryShort},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, returns(large))
				s.letLarge()
				empty := s.fill()
				s.calls.bodies.without = c.without
				resp := begin(t, s.Pipe())
				for range 20 {
					time.Sleep(c.every - time.Millisecond)
					takes(t, resp, hurryBytes)
				}
				synctest.Wait()
				s.isGivenUpAfter(c.every, resp)
				empty()
				s.nothingReserved()
				if _, without := s.bodies(); without != c.without {
					t.Errorf("%d bytes are without room, want %d", without, c.without)
				}
			})
		})
	}
}

func TestAResultWithoutRoomHasItAsSoonAsThereIsSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, returns(large))
		s.letLarge()
		empty := s.fill()
		resp := begin(t, s.Pipe())
		empty()
		takes(t, resp, 2*hurryBytes)
		synctest.Wait()
		s.isGivenUpAfter(paceTime, resp)
		s.nothingReserved()
		if _, without := s.bodies(); without != 0 {
			t.Errorf("%d bytes are without room", without)
		}
	})
}

func TestAResultHasTheRoomOfItsRequest(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	s.letLarge()
	s.calls.bodies.most = large // for nothing beside one request
	c := s.Pipe()
	c.Say("POST", "/echo", fmt.Sprint("Content-Length: ", large), strings.Repeat("x", large))
	resp, err := http.ReadResponse(c.R, nil)
	if err != nil {
		t.Fatal(err)
	}
	if held, without := s.bodies(); held != (job.Window{Count: 1, Bytes: large}) || without != 0 {
		t.Errorf("%+v are held with room and %d bytes without, want the result in its request's place", held, without)
	}
	takes(t, resp, large)
}

// Clients that call and do not read are hung up on, all but those that there is
// room for; those that read meanwhile have their answers.
func TestResultsThatNobodyReadsLeaveThoseWhoReadTheirs(t *testing.T) {
	s := newStage(t, returns(large))
	s.letLarge()
	deaf := net.Dialer{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		e := conn.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(e, err)
	}}
	first := s.Dial()
	for range 30 {
		conn, err := deaf.Dial("tcp", first.RemoteAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		frontendtest.NewClient(t, conn).Say("POST", "/echo", "Content-Length: 1", "x")
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 3 {
				resp, err := http.Post("http://"+first.RemoteAddr().String()+"/echo", "", strings.NewReader("x"))
				if err != nil {
					t.Error(err)
					return
				}
				takes(t, resp, large)
				resp.Body.Close()
			}
		})
	}
	readers.Wait()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for over := time.After(frontendtest.Patience); ; {
		held, without := s.bodies()
		if len(s.Observed()) >= 12+30-4 && without == 0 {
			break // four is what one function has room for
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%+v are held with room, %d bytes without; %d answers have ended", held, without, len(s.Observed()))
		}
	}
}
