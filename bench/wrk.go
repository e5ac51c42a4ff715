package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// resultMark begins the line in which wrkScript prints its result.
const resultMark = "faasd-bench "

// wrkScript makes wrk post a body and look at every answer. By itself wrk counts neither a 204 nor another body as an error. Looking
// costs wrk up to 5 % of its throughput at 128 connections, with every system alike.
const wrkScript = `
local file = assert(io.open("BODY_FILE", "rb"))
local body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.body = body
wrk.headers["Content-Type"] = "application/json"

wrong_status, wrong_body, shortcuts = 0, 0, 0 -- global, because done reads them from outside the thread
local crosses = CROSSES

function response(status, headers, got)
  if status ~= 200 then
    wrong_status = wrong_status + 1
  elseif got ~= body then
    wrong_body = wrong_body + 1
  elseif crosses and not (headers["X-Faasd-Queue"] and headers["X-Faasd-Worker"]) then
    shortcuts = shortcuts + 1
  end
end

local threads = {}
function setup(thread) table.insert(threads, thread) end

function done(summary, latency, requests)
  local status, bodies, short = 0, 0, 0
  for _, thread in ipairs(threads) do
    status = status + thread:get("wrong_status")
    bodies = bodies + thread:get("wrong_body")
    short = short + thread:get("shortcuts")
  end
  local e = summary.errors
  print(string.format('` + resultMark + `{"requests":%d,"seconds":%.6f,"p50_us":%.0f,"p99_us":%.0f,"p999_us":%.0f,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"body":%d},"shortcuts":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect, e.read, e.write, e.timeout, status, bodies, short))
end
`

// wrkErrors counts what wrk saw go wrong.
type wrkErrors struct {
	Connect int `json:"connect"`
	Read    int `json:"read"`
	Write   int `json:"write"`
	Timeout int `json:"timeout"` // answered later than 2 s
	Status  int `json:"status"`  // not 200
	Body    int `json:"body"`    // not what was sent
}

func (e wrkErrors) sum() int { return e.Connect + e.Read + e.Write + e.Timeout + e.Status + e.Body }

// wrk measures a system under a load for some seconds.
func (b *bench) wrk(ctx context.Context, sys *system, l load, seconds int) (measurement, error) {
	m := measurement{System: sys.name, load: l}
	script, err := b.script(sys, l.Body)
	if err != nil {
		return m, err
	}
	output, err := b.starter.run(ctx, "wrk", "-t1", fmt.Sprintf("-c%d", l.Clients), fmt.Sprintf("-d%ds", seconds),
		"--timeout", "2s", "-s", script, sys.url)
	if err != nil {
		return m, fmt.Errorf("wrk against %s, %s: %w", sys.name, l, err)
	}
	if m.wrkResult, err = parseWrk(string(output)); err != nil {
		return m, fmt.Errorf("wrk against %s, %s: %w", sys.name, l, err)
	}
	if m.Shortcuts > 0 {
		return m, fmt.Errorf("wrk against %s, %s: %d answers: %w", sys.name, l, m.Shortcuts, errShortcut)
	}
	m.RPS = float64(m.Requests) / m.Seconds
	return m, nil
}

// script returns the file with what wrk runs to post a body of that size to a system.
func (b *bench) script(sys *system, body int) (string, error) {
	content := filepath.Join(b.starter.folder, fmt.Sprintf("body-%d", body))
	script := fmt.Sprintf("%s-%v.lua", content, sys.crosses)
	text := strings.NewReplacer("BODY_FILE", content, "CROSSES", fmt.Sprint(sys.crosses)).Replace(wrkScript)
	return script, errors.Join(os.WriteFile(content, sameBody(body), 0o600), os.WriteFile(script, []byte(text), 0o600))
}

// wrkResult is what wrkScript prints.
type wrkResult struct {
	Requests int       `json:"requests"` // answered
	Seconds  float64   `json:"seconds"`
	P50      float64   `json:"p50_us"`  // microseconds
	P99      float64   `json:"p99_us"`  // microseconds
	P999     float64   `json:"p999_us"` // microseconds
	Errors   wrkErrors `json:"errors"`
	// Shortcuts are answers that name no queue or no worker, of a system whose answers have to.
	Shortcuts int `json:"shortcuts,omitempty"`
}

func parseWrk(output string) (wrkResult, error) {
	for line := range strings.Lines(output) {
		text, found := strings.CutPrefix(line, resultMark)
		if !found {
			continue
		}
		var r wrkResult
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return r, fmt.Errorf("result %q: %w", text, err)
		}
		if r.Requests == 0 {
			return r, fmt.Errorf("no request was answered: %+v", r.Errors)
		}
		return r, nil
	}
	return wrkResult{}, fmt.Errorf("it printed no result: %s", strings.TrimSpace(output))
}
