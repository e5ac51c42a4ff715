package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// examplesFolder is the repository's.
const examplesFolder = "../../examples"

// TestTheExamplesAreDeployedAndCalled does what their users do with each.
func TestTheExamplesAreDeployedAndCalled(t *testing.T) {
	t.Parallel()
	built := t.TempDir()
	if out, err := exec.Command("../../scripts/examples", built).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir, url := startWithWorkers(t)
	_, err := exec.LookPath("python3")
	python := err == nil
	for _, tt := range []struct {
		name, path, kind string
		args             []string
		python           bool
		use              func(t *testing.T, url string)
	}{
		{"hello-sh", examplesFolder + "/hello-sh", "exec", nil, false, greets("Ada", "hello, Ada\n")},
		{"hello-go", built + "/hello-go", "lambda", nil, false, greets(`{"name":"Ada"}`, `{"greeting":"hello, Ada"`)},
		{"hello-python", examplesFolder + "/hello-python", "lambda", nil, true, greets(`{"name":"Ada"}`, `{"greeting": "hello, Ada"`)},
		{"hello-wasm", built + "/hello-wasm", "wasm", nil, false, greets("Ada", "hello, Ada\n")},
		{"thumbnail", built + "/thumbnail", "exec", nil, false, makesThumbnails},
		{"thumbnail-wasm", built + "/thumbnail-wasm", "wasm", nil, false, makesThumbnails},
		{"webhook", examplesFolder + "/webhook", "exec", []string{"--env", "WEBHOOK_SECRET=s3=cret"}, true, believesWhatIsSigned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.python && !python {
				t.Skip("python3 is not installed")
			}
			out := mustCtl(t, dir, "deploy", append([]string{tt.name, filepath.FromSlash(tt.path)}, tt.args...)...)
			if !strings.Contains(out, tt.name+" version 1, "+tt.kind+", served by 3 workers") {
				t.Errorf("printed\n%s", out)
			}
			tt.use(t, url+"/"+tt.name)
		})
	}
}

// greets expects an answer that begins so, and an error where nobody is named.
func greets(body, want string) func(t *testing.T, url string) {
	return func(t *testing.T, url string) {
		if got := answered200(t, url, body); !strings.HasPrefix(got, want) {
			t.Errorf("%s is answered with %q", body, got)
		}
		nobody := strings.ReplaceAll(strings.ReplaceAll(body, `"name":"Ada"`, ""), "Ada", "")
		if status, got := called(t, url, nobody, nil); status != http.StatusInternalServerError || !strings.Contains(got, "whom shall it greet?") {
			t.Errorf("%q is answered with %d, %q", nobody, status, got)
		}
	}
}

// largePicture is one of 600 by 300 pixels.
func largePicture() image.Image {
	p := image.NewNRGBA(image.Rect(0, 0, 600, 300))
	for x := range 600 {
		for y := range 300 {
			p.Set(x, y, color.NRGBA{uint8(x), uint8(y), uint8(x ^ y), 255})
		}
	}
	return p
}

func makesThumbnails(t *testing.T, url string) {
	for format, encode := range map[string]func(*bytes.Buffer) error{
		"png":  func(b *bytes.Buffer) error { return png.Encode(b, largePicture()) },
		"jpeg": func(b *bytes.Buffer) error { return jpeg.Encode(b, largePicture(), nil) },
	} {
		var large bytes.Buffer
		if err := encode(&large); err != nil {
			t.Fatal(err)
		}
		for query, width := range map[string]int{"": 256, "?size=64": 64} {
			small, got, err := image.Decode(strings.NewReader(answered200(t, url+query, large.String())))
			if err != nil {
				t.Errorf("%s: %v", format, err)
				continue
			}
			if size := small.Bounds().Size(); got != format || size != image.Pt(width, width/2) {
				t.Errorf("%s%s: a %s of %v", format, query, got, size)
			}
		}
	}
	if status, got := called(t, url, "no picture", nil); status != http.StatusInternalServerError || !strings.Contains(got, "it is no picture") {
		t.Errorf("what is no picture is answered with %d, %q", status, got)
	}
}

func believesWhatIsSigned(t *testing.T, url string) {
	const body = `{"repository":{"full_name":"ada/engine"}}`
	mac := hmac.New(sha256.New, []byte("s3=cret"))
	mac.Write([]byte(body))
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	head := map[string]string{"X-GitHub-Event": "push", "X-Hub-Signature-256": signature, "Content-Type": "application/json"}
	status, got := called(t, url, body, head)
	if status != http.StatusOK || got != `{"event": "push", "repository": "ada/engine"}` {
		t.Errorf("what is signed is answered with %d, %q", status, got)
	}
	if status, got = called(t, url, body+" ", head); status != http.StatusInternalServerError || !strings.Contains(got, "the signature is missing or wrong") {
		t.Errorf("what is signed wrong is answered with %d, %q", status, got)
	}
}
