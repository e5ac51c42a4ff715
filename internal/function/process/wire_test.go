package process

import (
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
)

// pair connects two ends.
func pair(t *testing.T) (ours, theirs *net.UnixConn) {
	t.Helper()
	a, b, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*net.UnixConn
	for i, f := range []*os.File{a, b} {
		conn, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		t.Cleanup(func() { _ = conn.Close() })
		conns[i] = conn.(*net.UnixConn)
	}
	return conns[0], conns[1]
}

func TestRequestsArriveAsTheyWereSent(t *testing.T) {
	ours, theirs := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sent := []request{
		{op: opStart, id: 1, spec: Spec{Path: "/p", Dir: "/", Args: []string{"a", "", "\xff"}, Env: []string{"A=1", "B="}, Memory: 1 << 40}, files: [3]*os.File{nil, w, nil}},
		{op: opKill, id: 1<<64 - 1},
		{op: opStart, id: 2, spec: Spec{Path: "/large", Dir: "/", Args: []string{}, Env: []string{strings.Repeat("x", 3<<20)}}},
		{op: opTerminate, id: 3},
	}
	failed := make(chan error, 1)
	go func() {
		for _, r := range sent {
			if err := r.send(ours); err != nil {
				failed <- err
			}
		}
		failed <- ours.CloseWrite()
	}()
	for i, want := range sent {
		got, err := receive(theirs)
		if err != nil {
			t.Fatal(err)
		}
		for j, f := range got.files {
			if (f != nil) != (want.files[j] != nil) {
				t.Errorf("request %d has file %d: %v", i, j, f != nil)
			}
		}
		if f := got.files[1]; f != nil {
			if _, err := f.WriteString("through the copy"); err != nil {
				t.Error(err)
			}
			_ = f.Close()
		}
		got.files, want.files = [3]*os.File{}, [3]*os.File{}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("request %d came as %.200v", i, got)
		}
	}
	if _, err := receive(theirs); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last is %v", err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	_ = w.Close()
	if text, err := io.ReadAll(r); string(text) != "through the copy" {
		t.Errorf("through the file came %q, %v", text, err)
	}
}

func TestRepliesArriveAsTheyWereSent(t *testing.T) {
	ours, theirs := pair(t)
	want := reply{op: opEnded, flags: flagMemory | flagTasks, value: 1<<32 - 1, id: 1<<64 - 2}
	if err := want.send(theirs); err != nil {
		t.Fatal(err)
	}
	if got, err := receiveReply(ours); got != want || err != nil {
		t.Errorf("%+v came as %+v, %v", want, got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("12345678\x01\x00\x00\x00/p\x00/\x00a\x00B=\x00"))
	f.Add([]byte("12345678\xff\xff\xff\xff/p\x00/\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := request{op: opStart}
		if r.parse(body) == nil && (strings.Contains(r.spec.Path+r.spec.Dir, "\x00") || len(r.spec.Args)+len(r.spec.Env) > len(body)) {
			t.Errorf("%q came as %+v", body, r.spec)
		}
	})
}
