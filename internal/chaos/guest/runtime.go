package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// apiVariable names the Runtime API; it is set where the kind is lambda.
const apiVariable = "AWS_LAMBDA_RUNTIME_API"

// call is a call by the Runtime API.
type call struct {
	id       string
	deadline time.Time
	body     []byte
}

// serve takes calls, as many at a time as it may, and has each done. It ends
// with the first that fails, without an answer.
func serve(do func(*call) error) error {
	most, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY")) // not there: 0
	ended := make(chan error)
	for range max(most, 1) {
		go func() {
			for {
				c, err := next()
				if err == nil {
					err = do(c)
				}
				if err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	return <-ended
}

func invocation(path string) string {
	return "http://" + os.Getenv(apiVariable) + "/2018-06-01/runtime/invocation/" + path
}

func next() (*call, error) {
	r, err := http.Get(invocation("next"))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for a call: %s: %s", r.Status, body)
	}
	ms, err := strconv.ParseInt(r.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	return &call{id: r.Header.Get("Lambda-Runtime-Aws-Request-Id"), deadline: time.UnixMilli(ms), body: body}, err
}

// answer posts the answer, which must be taken.
func (c *call) answer(body []byte) error {
	status, err := post(c.id, "response", body)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("the answer to %s got %d", c.id, status)
	}
	return err
}

func post(id, what string, body []byte) (status int, err error) {
	r, err := http.Post(invocation(id+"/"+what), "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return r.StatusCode, err
}
