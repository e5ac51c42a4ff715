// Package examples has functions as users write them. Its tests run each as
// faasd would, without faasd.
package examples

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// built is where all tests find what has to be built.
var built struct {
	once   sync.Once
	folder string
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// build returns the path of something that scripts/examples builds.
func build(t *testing.T, name string) string {
	t.Helper()
	built.once.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "faasd-examples-"); built.err != nil {
			return
		}
		if out, err := exec.Command("../scripts/examples", built.folder).CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.folder, name)
}

// call is one call of a function that runs once for each.
type call func(body string, env ...string) (answer string, err error)

// program calls a program as the kind exec does.
func program(path string) call {
	return func(body string, env ...string) (string, error) {
		cmd := exec.Command(path)
		cmd.Stdin = strings.NewReader(body)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "FAASD_JOB=01J"}, env...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		answer, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, stderr.Bytes())
		}
		return string(answer), err
	}
}

func TestHelloGreetsOrSaysWhatIsMissing(t *testing.T) {
	// A module's code is a program's too, where it is built for the machine.
	native := filepath.Join(t.TempDir(), "hello")
	if out, err := exec.Command("go", "build", "-C", "hello-wasm", "-o", native, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, hello := range map[string]call{"hello-sh": program("./hello-sh/main.sh"), "hello-wasm": program(native)} {
		if got, err := hello("Ada"); err != nil || !strings.HasPrefix(got, "hello, Ada") {
			t.Errorf("%s answers %q, %v", name, got, err)
		}
		if got, err := hello(""); err == nil || !strings.Contains(err.Error(), "whom shall it greet?") {
			t.Errorf("%s answers nobody with %q, %v", name, got, err)
		}
	}
}

// TestHelloSpeaksTheRuntimeAPI gives a program two calls, and looks at what it
// posts.
func TestHelloSpeaksTheRuntimeAPI(t *testing.T) {
	for name, path := range map[string]string{"hello-go": build(t, "hello-go/bootstrap"), "hello-python": "./hello-python/bootstrap"} {
		posts := make(chan string)
		calls := make(chan string, 2)
		calls <- `{"name": "Ada"}`
		calls <- `{}`
		mux := http.NewServeMux()
		mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
			select {
			case body := <-calls:
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", "01J")
				w.Header().Set("Lambda-Runtime-Deadline-Ms", "99999999999999")
				io.WriteString(w, body)
			case <-r.Context().Done():
			}
		})
		mux.HandleFunc("POST /2018-06-01/runtime/invocation/01J/{outcome}", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusAccepted)
			posts <- r.PathValue("outcome") + " " + string(body)
		})
		api := httptest.NewServer(mux)
		cmd := exec.CommandContext(t.Context(), path)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://")}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for _, want := range [][]string{{"response ", "hello, Ada", "01J"}, {"error ", "whom shall it greet?", "errorType"}} {
			select {
			case got := <-posts:
				for _, part := range want {
					if !strings.Contains(got, part) {
						t.Errorf("%s posts %s; want %q in it", name, got, part)
					}
				}
			case err := <-ended:
				t.Fatalf("%s ends: %v", name, err)
			}
		}
		cmd.Process.Kill()
		<-ended
		api.CloseClientConnections()
		api.Close()
	}
}

func TestTheWebhookBelievesWhatIsSigned(t *testing.T) {
	webhook := program("./webhook/main.py")
	const secret = "WEBHOOK_SECRET=s3cret"
	sign := func(body string) string {
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte(body))
		return "HTTP_X_HUB_SIGNATURE_256=sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	push := `{"ref": "refs/heads/main", "repository": {"full_name": "octo/hello"}}`
	event := "HTTP_X_GITHUB_EVENT=push"
	if got, err := webhook(push, secret, event, sign(push)); err != nil || got != `{"event": "push", "repository": "octo/hello"}` {
		t.Errorf("a push is answered with %q, %v", got, err)
	}
	ping := `{"zen": "Keep it logically awesome."}`
	if got, err := webhook(ping, secret, "HTTP_X_GITHUB_EVENT=ping", sign(ping)); err != nil || !strings.Contains(got, "awesome") {
		t.Errorf("a ping is answered with %q, %v", got, err)
	}
	for want, env := range map[string][]string{
		"missing or wrong": {secret, event},
		"or wrong":         {secret, event, sign(push + " ")},
		"wrong":            {secret, event, "HTTP_X_HUB_SIGNATURE_256=sha256=ü"},
		"no secret":        {event, sign(push)},
	} {
		if got, err := webhook(push, env...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %q a push is answered with %q, %v", env, got, err)
		}
	}
	if _, err := webhook("ref=main", secret, sign("ref=main")); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("a form is answered with %v", err)
	}
}

// picture draws something of a size.
func picture(w, h int) image.Image {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.SetNRGBA(x, y, color.NRGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	return p
}

func TestThumbnailsAreSmall(t *testing.T) {
	asPNG := func(p image.Image) string {
		var b strings.Builder
		if err := png.Encode(&b, p); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	var photo strings.Builder
	if err := jpeg.Encode(&photo, picture(1000, 500), nil); err != nil {
		t.Fatal(err)
	}
	thumbnail := program(build(t, "thumbnail/thumbnail"))
	for _, c := range []struct {
		body, query, format string
		w, h                int
	}{
		{photo.String(), "", "jpeg", 256, 128},
		{asPNG(picture(300, 900)), "size=100", "png", 33, 100},
		{asPNG(picture(30, 20)), "", "png", 30, 20},
		{asPNG(picture(2000, 1)), "", "png", 256, 1},
	} {
		got, err := thumbnail(c.body, "QUERY_STRING="+c.query)
		if err != nil {
			t.Error(err)
			continue
		}
		header, format, err := image.DecodeConfig(strings.NewReader(got))
		if err != nil || format != c.format || header.Width != c.w || header.Height != c.h {
			t.Errorf("it makes a %s of %d by %d pixels, %v; want a %s of %d by %d", format, header.Width, header.Height, err, c.format, c.w, c.h)
		}
	}
	small := asPNG(picture(8, 8))
	for _, c := range []struct{ body, query, want string }{
		{"no picture", "", "no picture"},
		{"", "", "no picture"},
		{asPNG(picture(100, 100))[:200], "", "damaged"},
		{bomb(small), "", "more than the"},
		{small, "size=0", "from 1 to"},
		{small, "size=huge", "from 1 to"},
		{small, "%", "query"},
	} {
		got, err := thumbnail(c.body, "QUERY_STRING="+c.query)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("it gives %.100q, %v; want %q", got, err, c.want)
		}
	}
}

// bomb makes a PNG say that it has 100,000 by 100,000 pixels.
func bomb(png string) string {
	const header = 8 + 4 // behind the magic number and the chunk's length: IHDR, width, height, five bytes, checksum
	b := []byte(png)
	binary.BigEndian.PutUint32(b[header+4:], 100_000)
	binary.BigEndian.PutUint32(b[header+8:], 100_000)
	binary.BigEndian.PutUint32(b[header+17:], crc32.ChecksumIEEE(b[header:header+17]))
	return string(b)
}
