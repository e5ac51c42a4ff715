package httpcall

import (
	"net/http"
	"strings"
	"testing"

	"faasd/internal/frontend"
	"faasd/internal/frontend/frontendtest"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/job"
)

// large is the size of a body that no connection holds in its buffers, in bytes.
const large = 6 << 20

// A stage is a frontend with the simplest of adapters.
type stage struct {
	*frontendtest.Stage
	calls *Calls
}

func newStage(t *testing.T, outcome frontendtest.Outcome) *stage {
	return newStageWith(t, job.Window{Count: 100, Bytes: 1 << 20}, outcome)
}

func newStageWith(t *testing.T, window job.Window, outcome frontendtest.Outcome) *stage {
	t.Helper()
	s := &stage{Stage: frontendtest.NewWith(t, window, outcome)}
	s.calls = New(Config{
		MaxBody: frontendtest.MaxBody, Timeout: frontendtest.Timeout, MaxTimeout: 2 * frontendtest.Timeout, Observe: s.Observe,
	}, s.Gateway)
	s.Handler = s.calls.Handler(Route{"", s.serve})
	s.Refuse = Malformed
	return s
}

// serve serves POST /{function}.
func (s *stage) serve(x *httpserver.Exchange) {
	name := strings.TrimPrefix(x.Path(), "/")
	switch {
	case strings.Contains(name, "/"):
		NoRoute(x)
		return
	case !x.Request.IsPost():
		NotAllowed(x, http.MethodPost)
		return
	}
	call := s.calls.Begin(x, name)
	defer call.End()
	answer, bad := s.run(call, x)
	if bad != nil {
		call.Refuse(bad)
		return
	}
	call.Answer(answer)
}

func (s *stage) run(call *Call, x *httpserver.Exchange) (answer frontend.Answer, bad *Problem) {
	_, version, _ := strings.Cut(x.Query(), "version=")
	if bad = call.Prepare(version); bad != nil {
		return answer, bad
	}
	told, bad := call.Told("/rest")
	if bad != nil {
		return answer, bad
	}
	body, bad := call.Read(s.calls.MaxBody())
	if bad != nil {
		return answer, bad
	}
	return call.Run(frontend.Request{ContentType: x.ContentType(), Body: body, HTTP: told}, x.Header("Key"))
}

// letLarge has the stage take large bodies, four of one function at a time.
func (s *stage) letLarge() {
	s.calls.cfg.MaxBody, s.calls.bodies.most = large, 8*large
}
