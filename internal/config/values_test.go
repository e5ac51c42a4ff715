package config_test

import (
	"strings"
	"testing"

	"faasd/internal/config"
)

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "0", "queueA", "x-y_z.1", strings.Repeat("n", 64), "Jobs"} {
		if err := config.ValidName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".a", "-a", "a b", "a/b", "ñ", "a\n", strings.Repeat("n", 65), "jobs", "2015-03-31"} {
		if config.ValidName(name) == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestQueueName(t *testing.T) {
	for i, want := range map[int]string{0: "queueA", 1: "queueB", 25: "queueZ", 26: "queueAA", 27: "queueAB", 51: "queueAZ", 52: "queueBA", 701: "queueZZ", 702: "queueAAA"} {
		if got := config.QueueName(i); got != want {
			t.Errorf("QueueName(%d) = %s, want %s", i, got, want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	longest := "ipc://" + strings.Repeat("p", config.MaxIPCPath)
	for _, tt := range []struct{ endpoint, connect, bind string }{ // errors; "" for none
		{"tcp://127.0.0.1:8009", "", ""},
		{"tcp://[::1]:8009", "", ""},
		{"tcp://[fe80::1%lo]:8009", "", ""},
		{"tcp://lo:8009", "", ""},
		{"tcp://127.0.0.1:0", "port 0 cannot be connected to: write the port that the other side printed", ""},
		{"tcp://*:8009", "* cannot be connected to: write the other side's host name or address", ""},
		{"tcp://my_host.example:1", "", `host name "my_host.example" cannot be bound: write an address of this machine or *, such as tcp://127.0.0.1:1`},
		{longest, "", ""},
		{"inproc://broker", "", ""},
		{longest + "p", "path of 108 bytes: a unix socket takes 107, write a shorter one", "path of 108 bytes: a unix socket takes 107, write a shorter one"},
	} {
		if got := text(config.ValidEndpoint(tt.endpoint)); got != tt.connect {
			t.Errorf("connect %s: %q, want %q", tt.endpoint, got, tt.connect)
		}
		if got := text(config.ValidBind(tt.endpoint)); got != tt.bind {
			t.Errorf("bind %s: %q, want %q", tt.endpoint, got, tt.bind)
		}
	}
	for endpoint, want := range map[string]string{
		"":                     "not an endpoint: write tcp://HOST:PORT, ipc://PATH or inproc://NAME",
		"127.0.0.1:8009":       "not an endpoint: write tcp://HOST:PORT, ipc://PATH or inproc://NAME",
		"udp://127.0.0.1:1":    `unknown transport "udp": write tcp://HOST:PORT, ipc://PATH or inproc://NAME`,
		"tcp://127.0.0.1":      "no port: write tcp://HOST:PORT, such as tcp://127.0.0.1:8009",
		"tcp://:8009":          "no host: write tcp://HOST:PORT, such as tcp://127.0.0.1:8009",
		"tcp://::1:8009":       "not a host and a port: write tcp://HOST:PORT, such as tcp://127.0.0.1:8009",
		"tcp://127.0.0.1:http": `port "http": write a number from 0 to 65535`,
		"tcp://127.0.0.1:*":    `port "*": write a number from 0 to 65535`,
		"tcp://h:65536":        `port "65536": write a number from 0 to 65535`,
		"tcp://a b:1":          `"a b" is no host: write a host name or an address, an IPv6 address in brackets`,
		"tcp://[::1% x]:1":     `"::1% x" is no host: write a host name or an address, an IPv6 address in brackets`,
		"ipc://":               "no path: write ipc://PATH, such as ipc:///run/faasd/queueA",
		"ipc://*":              "no path: write ipc://PATH, such as ipc:///run/faasd/queueA",
		"inproc://":            "no name: write inproc://NAME with 1 to 255 bytes",
	} {
		if got := text(config.ValidBind(endpoint)); got != want {
			t.Errorf("%q: %q, want %q", endpoint, got, want)
		}
		if config.ValidEndpoint(endpoint) == nil {
			t.Errorf("%q can be connected to", endpoint)
		}
	}
}

func TestHTTPAddr(t *testing.T) {
	for addr, want := range map[string]string{
		":3000": "", "127.0.0.1:0": "", "[::1]:3000": "", "localhost:3000": "", "0.0.0.0:80": "",
		"3000":            "not an address: write HOST:PORT or :PORT, such as 127.0.0.1:3000",
		"http://a:3000":   "not an address: write HOST:PORT or :PORT, such as 127.0.0.1:3000",
		":http":           `port "http": write a number from 0 to 65535`,
		"*:3000":          `"*" is no host: write a host name or an address, an IPv6 address in brackets`,
		"127.0.0.1:70000": `port "70000": write a number from 0 to 65535`,
	} {
		if got := text(config.ValidHTTPAddr(addr)); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for size, want := range map[string]int64{
		"0": 0, "1": 1, "512B": 512, "100": 100, "1KiB": 1 << 10, "6MiB": 6 << 20, "64MiB": 64 << 20,
		"1GiB": 1 << 30, "2TiB": 2 << 40, "9223372036854775807": 1<<63 - 1, "8388607TiB": 8388607 << 40,
	} {
		if got, err := config.ParseBytes(size); err != nil || got != want {
			t.Errorf("%s = %d, %v; want %d", size, got, err, want)
		}
	}
	for _, size := range []string{"", "MiB", "-1", "+1", "1.5GiB", "6 MiB", "6MB", "6mib", "100k", "0x10", "1_000"} {
		if _, err := config.ParseBytes(size); err == nil || !strings.HasPrefix(err.Error(), "not a size: write") {
			t.Errorf("%q: %v", size, err)
		}
	}
	for _, size := range []string{"8388608TiB", "9223372036854775808", "99999999999999999999KiB"} {
		if _, err := config.ParseBytes(size); text(err) != "size too large: write less than 8388608TiB" {
			t.Errorf("%q: %v", size, err)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, seed := range []string{"0", "6MiB", "8388607TiB", "1B", "-1", "00KiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, size string) {
		n, err := config.ParseBytes(size)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("%q = %d", size, n)
		}
		if again, err := config.ParseBytes(config.FormatBytes(n)); err != nil || again != n {
			t.Fatalf("%q = %d = %q = %d, %v", size, n, config.FormatBytes(n), again, err)
		}
	})
}

func FuzzEndpoint(f *testing.F) {
	for _, seed := range []string{"tcp://127.0.0.1:1", "tcp://*:0", "tcp://[::1%lo]:9", "ipc:///a", "ipc://@a", "inproc://x", "tcp://a,b:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		if config.ValidEndpoint(endpoint) != nil && config.ValidBind(endpoint) != nil {
			return
		}
		// libzmq takes C strings and splits at the first "://".
		if strings.ContainsRune(endpoint, 0) || !strings.Contains(endpoint, "://") {
			t.Fatalf("%q is taken for an endpoint", endpoint)
		}
		if rest, ok := strings.CutPrefix(endpoint, "tcp://"); ok && strings.ContainsAny(rest, " ,;/\t\r\n") {
			t.Fatalf("%q is taken for an endpoint", endpoint)
		}
	})
}

func TestReadyLine(t *testing.T) {
	r := config.Ready{Role: "broker", Name: "broker1", Links: map[string]string{"workers": "tcp://127.0.0.1:8558", "frontends": "ipc:///a=b"}}
	const line = "ready broker name=broker1 frontends=ipc:///a=b workers=tcp://127.0.0.1:8558"
	if r.String() != line {
		t.Errorf("wrote %s", r)
	}
	got, ok, err := config.ParseReady(line + "\r\n")
	if !ok || err != nil || got.String() != line {
		t.Errorf("read %v, %v, %v", got, ok, err)
	}
	for _, line := range []string{"", "readyish", "not ready", "listening on http://x"} {
		if _, ok, err := config.ParseReady(line); ok || err != nil {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
	}
	for line, want := range map[string]string{
		"ready":                             `ready line "ready": want a role and name=`,
		"ready broker":                      `ready line "ready broker": want a role and name=`,
		"ready broker jobs=x":               `ready line "ready broker jobs=x": want name= once and first`,
		"ready broker name=a name=b":        `ready line "ready broker name=a name=b": want name= once and first`,
		"ready broker name=a jobs":          `ready line "ready broker name=a jobs": want key=value, found "jobs"`,
		"ready broker name=a jobs=":         `ready line "ready broker name=a jobs=": want key=value, found "jobs="`,
		"ready broker name=a jobs=x jobs=y": `ready line "ready broker name=a jobs=x jobs=y": link "jobs" given twice`,
	} {
		if _, ok, err := config.ParseReady(line); !ok || text(err) != want {
			t.Errorf("%q: %v, %v", line, ok, err)
		}
	}
}

func TestListeningLine(t *testing.T) {
	url, ok := config.ParseListening(config.Listening("http://127.0.0.1:3000") + "\n")
	if !ok || url != "http://127.0.0.1:3000" {
		t.Errorf("%q, %v", url, ok)
	}
	if _, ok := config.ParseListening("listening on 127.0.0.1"); ok {
		t.Error("no URL, but taken for one")
	}
}
