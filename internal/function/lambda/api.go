package lambda

import (
	"encoding/json"
	"net/http"
	"strings"

	"faasd/internal/function"
)

// The paths of the Runtime API.
const (
	runtimePath    = "/2018-06-01/runtime/"
	invocationPath = runtimePath + "invocation/"
	nextPath       = invocationPath + "next"
	initErrorPath  = runtimePath + "init/error"

	// A process that is restored from a snapshot asks whether that is done.
	// Here none is, so it may go on at once.
	restoreNextPath  = runtimePath + "restore/next"
	restoreErrorPath = runtimePath + "restore/error"
)

var (
	accepted = answer{status: http.StatusAccepted, body: `{"status":"OK"}` + "\n"}
	fine     = answer{status: http.StatusOK, body: "{}\n"}
	later    = answer{later: true}
)

// refuse is an answer that says what is wrong, as AWS does.
func refuse(status int, kind, message string) answer {
	body, _ := json.Marshal(reported{Message: message, Type: kind}) // strings never fail
	return answer{status: status, body: string(body) + "\n"}
}

// What AWS answers to requests that make no sense.
var (
	wrongID    = refuse(http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	wrongState = refuse(http.StatusForbidden, "InvalidStateTransition", "State transition is not allowed")
	wrongPath  = refuse(http.StatusNotFound, "NotFound", "The Runtime API has nothing at this path")
	wrongBody  = refuse(http.StatusBadRequest, "InvalidRequestBody", "The body could not be read to its end")
)

// answer does what a request asks for.
func (i *instance) answer(k *conn, req *http.Request) answer {
	get, post := req.Method == http.MethodGet, req.Method == http.MethodPost
	path := req.URL.Path
	if call, ok := strings.CutPrefix(path, invocationPath); ok && post {
		job, what, _ := strings.Cut(call, "/")
		switch what {
		case "response":
			return i.result(k, req, job, readResponse)
		case "error":
			return i.result(k, req, job, readError)
		}
	}
	switch {
	case path == nextPath && get:
		return i.next(k)
	case (path == initErrorPath || path == restoreErrorPath) && post:
		return i.startFailed(k, req)
	case path == restoreNextPath && get:
		return fine
	case path == registerPath && post:
		return i.register(req)
	case path == eventPath && get:
		return i.event(req)
	}
	for _, known := range []string{nextPath, initErrorPath, restoreErrorPath, restoreNextPath, registerPath, eventPath} {
		if path == known {
			return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", req.Method+" is not for this path")
		}
	}
	return wrongPath
}

// next takes a request for the next call: a free slot. A call that waits is
// handed out at once.
func (i *instance) next(k *conn) answer {
	i.process.Flush() // what it has printed was for what it ran
	c, a := i.offer(k)
	if c != nil {
		k.hand(c)
	}
	return a
}

func (i *instance) offer(k *conn) (*call, answer) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	switch {
	case i.state == ending:
		return nil, later // it will end while it waits
	case len(i.running) >= i.f.cfg.Concurrency:
		return nil, wrongState
	}
	first := i.state == starting
	if first {
		i.cameUp()
	}
	if len(i.running) == 0 {
		i.prints.Store(nil)
	}
	c := i.f.nextFor(i)
	if c == nil {
		i.open = append(i.open, k)
		k.open = true
	}
	if first {
		i.f.provide() // there is room for another start
		i.f.letClose()
	}
	return c, later
}

// hungUp takes back a connection's request for the next call, and says whether
// there was one.
func (i *instance) hungUp(k *conn) bool {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if !k.open {
		return false
	}
	k.open = false
	for n, o := range i.open {
		if o == k {
			i.open = append(i.open[:n], i.open[n+1:]...)
			break
		}
	}
	return true
}

// reader reads what a process answers to a call: what it returned, or a
// *function.Error. Any other error says that it was not understood.
type reader func(req *http.Request, most int64) (function.Result, error)

// result takes the answer to a call.
func (i *instance) result(k *conn, req *http.Request, job string, read reader) answer {
	c, refused := i.claim(job)
	if c == nil {
		return refused
	}
	res, err := read(k.expect(req), i.f.cfg.MaxBody)
	i.process.Flush() // callers read its log next
	switch err.(type) {
	case nil, *function.Error:
		i.conclude(c, res, err)
		return accepted
	case *tooLong:
		i.conclude(c, function.Result{}, function.Failed(function.TypeTooLong, "RequestId: %s Error: %v", job, err))
		return refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", err.Error())
	}
	i.unclaim(c)
	return wrongBody
}

// claim finds the call that an answer is for; nobody else can answer it then.
func (i *instance) claim(job string) (*call, answer) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	c := i.running[job]
	switch {
	case c == nil && i.answered == job:
		return nil, wrongState // answered twice
	case c == nil, c.abandoned && i.state == ending:
		return nil, wrongID
	case c.claimed:
		return nil, wrongState
	}
	c.claimed = true
	return c, answer{}
}

// unclaim lets a call be answered again after an answer that broke off.
func (i *instance) unclaim(c *call) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	c.claimed = false
}

// conclude ends a call with its answer. One that comes too late, from a process
// that may live because it runs other calls, is taken and dropped: runtimes exit
// when their answer is refused, and would take the other calls with them.
func (i *instance) conclude(c *call, res function.Result, err error) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	i.drop(c)
	i.owe(c)
	i.f.crash.answered()
	c.finish(res, err)
	if c.abandoned {
		i.f.dispatch() // the process may be fit again
	}
	i.reconsider()
	i.f.letClose()
}

// startFailed takes what a process says of its failed start.
func (i *instance) startFailed(k *conn, req *http.Request) answer {
	said, err := readReported(k.expect(req))
	if err != nil {
		return wrongBody
	}
	if !i.giveUp() {
		return wrongState
	}
	i.failed <- said.failure()
	return accepted
}
