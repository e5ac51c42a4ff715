package admin

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"faasd/internal/config"
	"faasd/internal/registry"
)

const (
	manifestPart   = "manifest"
	packagePart    = "package"
	progressHeader = "X-Faasd-Progress"
	listenerHeader = "X-Faasd-Listener" // of every answer, by which a client knows whom it has reached
	listenerName   = "admin"

	maxEnvelope = 64 << 10 // bytes of a multipart body besides its parts
	maxBody     = registry.MaxPackage + registry.MaxManifest + maxEnvelope
)

// handler serves the interface.
type handler struct {
	deployer Deployer
	limit    int64 // bytes of a body
}

// NewHandler serves the interface for a deployer.
func NewHandler(d Deployer) http.Handler { return newHandler(d, maxBody) }

func newHandler(d Deployer, limit int64) http.Handler {
	h := &handler{d, limit}
	mux := http.NewServeMux()
	mux.HandleFunc("/functions", byMethod{http.MethodGet: h.list}.serve)
	mux.HandleFunc("/functions/{name}", byMethod{http.MethodGet: h.show, http.MethodPut: h.deploy, http.MethodDelete: h.remove}.serve)
	mux.HandleFunc("/functions/{name}/rollback", byMethod{http.MethodPost: h.rollback}.serve)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		(&Problem{Type: typePrefix + "not-found", Status: http.StatusNotFound, Title: "Not found",
			Detail: "nothing is at " + quoted(r.URL.Path) + "; functions are at /functions and /functions/NAME"}).write(w)
	})
	guarded := refuseBrowsers(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(listenerHeader, listenerName)
		guarded.ServeHTTP(w, r)
	})
}

// quoted shows what somebody sent, shortened.
func quoted(text string) string { return fmt.Sprintf("%.80q", text) }

// byMethod are the methods of a route. Each returns the status and the body of
// its answer.
type byMethod map[string]func(w http.ResponseWriter, r *http.Request) (int, any, error)

// methods in the order in which they are named.
var methods = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete}

func (m byMethod) serve(w http.ResponseWriter, r *http.Request) {
	serve, ok := m[r.Method]
	if !ok {
		var allowed []string
		for _, method := range methods {
			if m[method] != nil {
				allowed = append(allowed, method)
			}
		}
		allow := strings.Join(allowed, ", ")
		w.Header().Set("Allow", allow)
		(&Problem{Type: typePrefix + "method-not-allowed", Status: http.StatusMethodNotAllowed, Title: "Method not allowed",
			Detail: "this route takes " + allow}).write(w)
		return
	}
	if name := r.PathValue("name"); name != "" && config.ValidName(name) != nil {
		problemOf(fmt.Errorf("function %s: %w: %w", quoted(name), registry.ErrNoFunction, config.ValidName(name))).write(w)
		return
	}
	status, body, err := serve(w, r)
	if err != nil {
		problemOf(err).write(w)
		return
	}
	writeJSON(w, status, "application/json", body)
}

// list is the answer to GET /functions.
type list struct {
	Functions []Function `json:"functions"`
}

func (h *handler) list(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	all, err := h.deployer.Functions(r.Context())
	if all == nil {
		all = []Function{}
	}
	return http.StatusOK, list{all}, err
}

func (h *handler) show(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	f, err := h.deployer.Function(r.Context(), r.PathValue("name"))
	return http.StatusOK, f, err
}

func (h *handler) remove(w http.ResponseWriter, r *http.Request) (int, any, error) {
	progress, done := teller(w, r)
	defer done()
	report, err := h.deployer.Remove(r.Context(), r.PathValue("name"), progress)
	return http.StatusOK, report, err
}

func (h *handler) rollback(w http.ResponseWriter, r *http.Request) (int, any, error) {
	version := uint64(0)
	if text := r.URL.Query().Get("version"); text != "" {
		var err error
		if version, err = strconv.ParseUint(text, 10, 32); err != nil || version == 0 {
			return 0, nil, badRequest("bad-version", "No version", "version=%.20s is no number of a version: write one from 1 on, or none for the version before", text)
		}
	}
	progress, done := teller(w, r)
	defer done()
	report, err := h.deployer.Rollback(r.Context(), r.PathValue("name"), uint32(version), progress)
	return http.StatusOK, report, err
}

func (h *handler) deploy(w http.ResponseWriter, r *http.Request) (int, any, error) {
	if r.ContentLength > h.limit {
		return 0, nil, fmt.Errorf("%w: it may have %s", registry.ErrTooLarge, config.FormatBytes(registry.MaxPackage))
	}
	r.Body = http.MaxBytesReader(w, r.Body, h.limit)
	m, pkg, err := readParts(r)
	if err != nil {
		drain(r)
		return 0, nil, err
	}
	progress, done := teller(w, r)
	defer done()
	report, err := h.deployer.Deploy(r.Context(), r.PathValue("name"), m, pkg, progress)
	switch {
	case err != nil:
		drain(r)
		return 0, nil, err
	case report.Unchanged:
		return http.StatusOK, report, nil
	}
	return http.StatusCreated, report, nil
}

// drain reads the rest of a body, which is bounded: a client that still sends
// would lose its connection, and never see why it is refused.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// readParts reads the manifest, and leaves the package to be read.
func readParts(r *http.Request) (m registry.Manifest, pkg io.Reader, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "multipart/form-data" {
		return m, nil, &Problem{Type: typePrefix + "unsupported-media-type", Status: http.StatusUnsupportedMediaType, Title: "Not multipart/form-data",
			Detail: "send multipart/form-data with the parts manifest and package, as curl -F manifest=@manifest.json -F package=@function.zip does with -X PUT"}
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return m, nil, &uploadError{err}
	}
	part, err := nextPart(parts, manifestPart)
	if err != nil {
		return m, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(upload{part}, registry.MaxManifest+1))
	if err != nil {
		return m, nil, err
	}
	if m, err = registry.ParseManifest(text); err != nil {
		return m, nil, err
	}
	part, err = nextPart(parts, packagePart)
	return m, &lastPart{upload{part}, r}, err
}

func nextPart(parts *multipart.Reader, want string) (*multipart.Part, error) {
	part, err := parts.NextPart()
	switch {
	case err == io.EOF:
		return nil, badRequest("missing-part", "A part is missing", "the part %s is missing: send manifest first, then package", want)
	case err != nil:
		return nil, readError(err)
	case part.FormName() != want:
		return nil, badRequest("missing-part", "A part is missing", "the part %s stands where %s is wanted: send manifest first, then package", quoted(part.FormName()), want)
	}
	return part, nil
}

// upload reads a part; its errors are known as the client's.
type upload struct{ r io.Reader }

func (u upload) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	if err != nil && err != io.EOF {
		err = readError(err)
	}
	return n, err
}

// lastPart is a part that ends the body. Its end is there when that of the body
// is: net/http notices only then that a client goes away.
type lastPart struct {
	upload
	request *http.Request
}

func (l *lastPart) Read(b []byte) (int, error) {
	n, err := l.upload.Read(b)
	if err == io.EOF {
		if _, e := io.Copy(io.Discard, upload{l.request.Body}); e != nil {
			err = e
		}
	}
	return n, err
}

// uploadError says that a body could not be read to its end.
type uploadError struct{ err error }

func (e *uploadError) Error() string {
	return fmt.Sprintf("the body could not be read to its end: %v; send it again", e.err)
}

func (e *uploadError) Unwrap() error { return e.err }

func readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: it may have %s", registry.ErrTooLarge, config.FormatBytes(registry.MaxPackage))
	}
	return &uploadError{err}
}

// teller sends lines of progress as informational answers, which HTTP/1.0 does
// not have, until done is called.
func teller(w http.ResponseWriter, r *http.Request) (progress func(line string), done func()) {
	var (
		mu   sync.Mutex
		over bool
	)
	progress = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if over || !r.ProtoAtLeast(1, 1) {
			return
		}
		w.Header().Set(progressHeader, config.Printable(line))
		w.WriteHeader(http.StatusProcessing)
	}
	done = func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
	return progress, done
}
