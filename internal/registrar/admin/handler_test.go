package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"faasd/internal/registry"
)

// call sends a request to the handler as this machine's curl would.
func call(d Deployer, method, path string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	r.Host = "localhost"
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	NewHandler(d).ServeHTTP(w, r)
	return w
}

func isProblem(t *testing.T, what string, w *httptest.ResponseRecorder, status int, kind string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Status != status || p.Type != typePrefix+kind ||
		p.Title == "" || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d %s, %v, want %d %s", what, w.Code, w.Body, err, status, kind)
	}
	return p
}

// nobody is a deployer that must not be asked.
func nobody(t *testing.T) Deployer {
	return &fake{deploy: func(context.Context, string, registry.Manifest, io.Reader, func(string)) (Report, error) {
		t.Error("it was deployed")
		return Report{}, nil
	}}
}

func TestBrowsersAreRefused(t *testing.T) {
	for _, header := range [][]string{
		{"Origin", "https://example.com"}, {"Origin", "null"}, {"Origin", ""}, {"Origin", "http://localhost:3001"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "none"},
		{"Host", "example.com"}, {"Host", "example.com:3001"}, {"Host", "localhost.example.com"}, {"Host", "127.0.0.1.example.com"},
		{"Host", "192.168.0.1"}, {"Host", ""}, {"Host", "[::2]:80"}, {"Host", "0.0.0.0"},
	} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "OPTIONS"} {
			for _, path := range []string{"/functions", "/functions/f", "/functions/f/rollback", "/"} {
				isProblem(t, strings.Join(header, ": "), call(nobody(t), method, path, nil, header...), http.StatusForbidden, "forbidden")
			}
		}
	}
	for _, host := range []string{"localhost", "LOCALHOST:3001", "127.0.0.1", "127.0.0.1:3001", "127.9.9.9", "[::1]", "[::1]:3001", "::1"} {
		if w := call(nobody(t), "GET", "/functions", nil, "Host", host); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	for path, kind := range map[string]string{
		"/": "not-found", "/x": "not-found", "/functions/": "not-found", "/functions/f/x": "not-found", "/functions/f/rollback/x": "not-found",
		"/functions/f": "unknown-function", "/functions/a%2Fb": "unknown-function", "/functions/jobs": "unknown-function", "/functions/-": "unknown-function",
	} {
		isProblem(t, path, call(nobody(t), "GET", path, nil), http.StatusNotFound, kind)
	}
	for path, allow := range map[string]string{"/functions": "GET", "/functions/f": "GET, PUT, DELETE", "/functions/f/rollback": "POST"} {
		w := call(nobody(t), "PATCH", path, nil)
		isProblem(t, path, w, http.StatusMethodNotAllowed, "method-not-allowed")
		if got := w.Header().Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", path, got, allow)
		}
	}
	for _, version := range []string{"0", "-1", "x", "1.5", "4294967296"} {
		isProblem(t, version, call(nobody(t), "POST", "/functions/f/rollback?version="+version, nil), http.StatusBadRequest, "bad-version")
	}
}

const boundary = "b0undary"

// form is a multipart body of parts: name, content, name, content.
func form(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + parts[i] + "\"\r\n\r\n" + parts[i+1] + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func put(d Deployer, body io.Reader) *httptest.ResponseRecorder {
	return call(d, "PUT", "/functions/f", body, "Content-Type", "multipart/form-data; boundary="+boundary)
}

// swallow is a deployer that reads the package and does no more.
var swallow = &fake{deploy: func(_ context.Context, _ string, _ registry.Manifest, pkg io.Reader, _ func(string)) (Report, error) {
	_, err := io.Copy(io.Discard, pkg)
	return Report{Version: 1}, err
}}

func TestABodyThatIsNoDeployIsRefused(t *testing.T) {
	good := string(manifest().Encode())
	if w := put(swallow, strings.NewReader(form("manifest", good, "package", "zip"))); w.Code != http.StatusCreated {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		kind   string
	}{
		"nothing":         {"", 400, "broken-body"},
		"no parts":        {form(), 400, "missing-part"},
		"no package":      {form("manifest", good), 400, "missing-part"},
		"no manifest":     {form("package", "zip"), 400, "missing-part"},
		"wrong order":     {form("package", "zip", "manifest", good), 400, "missing-part"},
		"no JSON":         {form("manifest", "{", "package", "zip"), 422, "invalid-manifest"},
		"unknown key":     {form("manifest", `{"knd":"exec"}`, "package", "zip"), 422, "invalid-manifest"},
		"bounds":          {form("manifest", strings.Replace(good, "1000", "0", 1), "package", "zip"), 422, "invalid-manifest"},
		"endless":         {form("manifest", strings.Repeat("x", registry.MaxManifest+1), "package", "zip"), 422, "invalid-manifest"},
		"cut in manifest": {form("manifest", good)[:120], 400, "broken-body"},
	} {
		isProblem(t, name, put(nobody(t), strings.NewReader(tt.body)), tt.status, tt.kind)
	}
	whole := form("manifest", good, "package", "zip")
	isProblem(t, "cut in package", put(swallow, strings.NewReader(whole[:len(whole)-len(boundary)])), 400, "broken-body")
	for _, kind := range []string{"", "application/zip", "multipart/mixed; boundary=x", ";"} {
		isProblem(t, kind, call(nobody(t), "PUT", "/functions/f", strings.NewReader(whole), "Content-Type", kind), http.StatusUnsupportedMediaType, "unsupported-media-type")
	}
	isProblem(t, "no boundary", call(nobody(t), "PUT", "/functions/f", strings.NewReader(whole), "Content-Type", "multipart/form-data"), 400, "broken-body")
}

func TestAPackageOverTheLimitIsA413(t *testing.T) {
	beginning := form("manifest", string(manifest().Encode()), "package", "")
	beginning = beginning[:len(beginning)-len("\r\n--"+boundary+"--\r\n")]
	r := httptest.NewRequest("PUT", "/functions/f", struct{ io.Reader }{io.MultiReader(strings.NewReader(beginning), zeros{})})
	r.Host, r.ContentLength = "localhost", -1
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	w := httptest.NewRecorder()
	newHandler(swallow, 1<<20).ServeHTTP(w, r)
	if p := isProblem(t, "in chunks", w, http.StatusRequestEntityTooLarge, "package-too-large"); p.Limit != registry.MaxPackage {
		t.Errorf("%+v", p)
	}
	r = httptest.NewRequest("PUT", "/functions/f", strings.NewReader("x"))
	r.Host, r.ContentLength = "localhost", maxBody+1
	w = httptest.NewRecorder()
	NewHandler(nobody(t)).ServeHTTP(w, r)
	isProblem(t, "by its length", w, http.StatusRequestEntityTooLarge, "package-too-large")
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// A client that breaks off is told apart from a disk that fails.
func TestAnUploadThatBreaksOffIsKnownToTheDeployer(t *testing.T) {
	failed := make(chan error, 1)
	d := &fake{deploy: func(_ context.Context, _ string, _ registry.Manifest, pkg io.Reader, _ func(string)) (Report, error) {
		_, err := io.Copy(io.Discard, pkg)
		failed <- err
		return Report{}, err
	}}
	c := serve(t, d, "127.0.0.1:0")
	whole := form("manifest", string(manifest().Encode()), "package", "zip")
	conn, err := net.Dial("tcp", c.address)
	check(t, err)
	_, err = io.WriteString(conn, "PUT /functions/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nContent-Type: multipart/form-data; boundary="+boundary+"\r\n\r\n"+whole[:strings.Index(whole, "zip")])
	check(t, err)
	check(t, conn.Close())
	if err := <-failed; !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "send it again") {
		t.Errorf("%v", err)
	}
}
