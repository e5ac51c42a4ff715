package bus

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faasd/internal/role"
)

func TestBindResolvesPorts(t *testing.T) {
	for endpoint, prefix := range map[string]string{
		"tcp://*:0":         "tcp://0.0.0.0:",
		"tcp://*:*":         "tcp://0.0.0.0:",
		"tcp://127.0.0.1:0": "tcp://127.0.0.1:",
		"tcp://127.0.0.1:*": "tcp://127.0.0.1:",
		"inproc://x":        "inproc://x",
	} {
		r := newRig(t, newContext(t), map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
		bound := must(r.Bind(linkIn, endpoint))(t)
		if !strings.HasPrefix(bound, prefix) || strings.HasSuffix(bound, ":0") || strings.HasSuffix(bound, "*") {
			t.Errorf("%s was bound as %s", endpoint, bound)
		}
	}
}

func TestBindServesIPv6OnlyWhenAskedTo(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here: ", err)
	} else {
		_ = l.Close()
	}
	ctx := newContext(t)
	pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	v6 := pull.bind(linkIn, "tcp://[::1]:0")
	pull.bind(linkIn, "tcp://127.0.0.1:0")
	if !strings.HasPrefix(v6, "tcp://[::1]:") {
		t.Errorf("bound as %s", v6)
	}
	packets := pull.inbound()
	pull.start()
	push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
	push.do(func() { push.m.dial(linkOut, "", v6) })
	push.until("connected", push.connected(linkOut, ""))
	push.do(func() { push.m.send(linkOut, "", []byte("v6")) })
	wantFrames(t, pull.awaitPacket(packets, "a packet"), "v6")
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestBindErrorsSayWhatToDo(t *testing.T) {
	ctx := newContext(t)
	other := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	tcp := other.bind(linkIn, "tcp://127.0.0.1:0")
	inproc := other.bind(linkIn, "inproc://taken")
	dir := shortDir(t)
	ipc := other.bind(linkIn, "ipc://"+filepath.Join(dir, "taken"))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closedDir := filepath.Join(dir, "closed")
	if err := os.Mkdir(closedDir, 0o500); err != nil {
		t.Fatal(err)
	}

	cases := []struct{ name, endpoint, want string }{
		{"port in use", tcp, "address already in use; stop the process that uses it"},
		{"name in use", inproc, "address already in use; another link of this process has the name"},
		{"path in use", ipc, "address already in use; stop the process that listens on it"},
		{"no scheme", "127.0.0.1:8009", "write tcp://HOST:PORT"},
		{"empty", "", "write tcp://HOST:PORT"},
		{"unknown transport", "udp://127.0.0.1:8009", `unknown transport "udp"; use tcp, ipc or inproc`},
		{"no port", "tcp://127.0.0.1", "write tcp://HOST:PORT"},
		{"port not a number", "tcp://127.0.0.1:http", `"http" is not a port; use 0 to 65535`},
		{"port too large", "tcp://127.0.0.1:70000", `"70000" is not a port; use 0 to 65535`},
		{"another machine's address", "tcp://192.0.2.1:0", "this machine has no such address"},
		{"no such interface", "tcp://nosuchif:0", "this machine has no such address"},
		{"path too long", "ipc:///" + strings.Repeat("x", 107), "the path has 108 bytes, and a unix socket's has at most 107"},
		{"no folder", "ipc://" + filepath.Join(dir, "missing", "s"), "create it first"},
		{"a file in the way", "ipc://" + file, "a file that is not a socket is in the way"},
	}
	if os.Getuid() != 0 {
		cases = append(cases, struct{ name, endpoint, want string }{
			"folder not writable", "ipc://" + filepath.Join(closedDir, "s"), "a folder that this user may write to",
		})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Name: "requests", Kind: Pull}})
			_, err := r.Bind(linkIn, c.endpoint)
			if err == nil {
				t.Fatal("bound")
			}
			text := err.Error()
			if !strings.Contains(text, c.want) || !strings.HasPrefix(text, "cannot bind requests to \""+c.endpoint) {
				t.Errorf("the error does not say %q: %s", c.want, text)
			}
			if strings.Contains(text, "\n") {
				t.Errorf("more than one line: %q", text)
			}
		})
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("a file in the way was deleted: ", err)
	}
}

func TestAStaleSocketFileIsTakenOver(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	r := newRig(t, newContext(t), map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	r.bind(linkIn, "ipc://"+path)
}

func TestBindIsForBeforeRunAndKnownLinks(t *testing.T) {
	r := newRig(t, newContext(t), map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	if _, err := r.Bind(linkOut, "tcp://127.0.0.1:0"); err == nil {
		t.Error("an unknown link was bound")
	}
	r.start()
	r.do(func() {})
	if _, err := r.Bind(linkIn, "tcp://127.0.0.1:0"); err == nil {
		t.Error("a link was bound while the host runs")
	}
}
