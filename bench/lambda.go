package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// emulatorModule is AWS's Lambda Runtime Interface Emulator; its repository has no versions.
const emulatorModule = "github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@v0.0.0-20261030222936-bef5c4ba774d"

// proxyCommand, and the URL of what is behind it, makes this program a proxy as of-watchdog is one in its HTTP mode.
const proxyCommand = "proxy"

// lambda compares a Lambda function in faasd with the same in AWS's emulator, and with an HTTP function behind a proxy.
func (b *bench) lambda(ctx context.Context, r *report) error {
	names := []string{bareSystem, lambdaSystem, manySystem, emulatorSystem, proxySystem}
	if err := b.starter.buildEmulator(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.NoEmulator = err.Error()
		fmt.Fprintln(os.Stderr, "bench: AWS's emulator is left out:", err)
		names = []string{bareSystem, lambdaSystem, manySystem, proxySystem}
	}
	for round := range b.rounds {
		taken, err := b.round(ctx, round, names, loads(b.clients, b.bodies))
		r.Lambda = append(r.Lambda, taken...)
		if err != nil {
			return fmt.Errorf("round %d of %d: %w", round+1, b.rounds, err)
		}
	}
	return nil
}

// buildEmulator fetches and builds the emulator.
func (s *starter) buildEmulator(ctx context.Context) error {
	if _, err := s.run(ctx, "go", "install", emulatorModule); err != nil {
		return fmt.Errorf("build %s: %w", emulatorModule, err)
	}
	return nil
}

// startLambda starts a `faasd up` and deploys the function, of which a process takes one call at a time, as at AWS.
func (s *starter) startLambda(ctx context.Context, sys *system) error {
	return s.startFunction(ctx, sys, "lambda", filepath.Join(s.functions, "lambda", "bootstrap"))
}

// startMany has each process of the function take as many calls as a worker does.
func (s *starter) startMany(ctx context.Context, sys *system) error {
	return s.startFunction(ctx, sys, "lambda", filepath.Join(s.functions, "lambda", "bootstrap"), "--concurrency", "8")
}

// functionPatience is how long a Lambda function's requests may wait in faasd. By itself it refuses with 503 what would wait for
// longer than half a second; the other systems let wait.
const functionPatience = 10 * time.Second

// startFunction starts a `faasd up` with a function of some kind, which the system's requests then go to.
func (s *starter) startFunction(ctx context.Context, sys *system, kind, path string, args ...string) error {
	if err := s.startUp(ctx, sys, queues, workers, "--max-wait", functionPatience.String()); err != nil {
		return err
	}
	if err := s.deploy(ctx, sys, kind, path, args...); err != nil {
		return err
	}
	sys.url = sys.function(kind)
	return nil
}

// deploy deploys a function that is named as its kind.
func (s *starter) deploy(ctx context.Context, sys *system, kind, path string, args ...string) error {
	if _, err := s.run(ctx, faasctl(s.program), append([]string{"deploy", "--data", sys.data, "--kind", kind, kind, path}, args...)...); err != nil {
		return fmt.Errorf("deploy %s: %w", path, err)
	}
	return nil
}

// startEmulator starts the emulator with the function; it returns once that has answered.
func (s *starter) startEmulator(ctx context.Context, sys *system) error {
	front, err := freePort()
	if err != nil {
		return err
	}
	runtime, err := freePort()
	if err != nil {
		return err
	}
	p, err := s.add(sys, "aws-lambda-rie", filepath.Join(s.folder, "aws-lambda-rie"), "--log-level", "error",
		"--runtime-interface-emulator-address", front, "--runtime-api-address", runtime, filepath.Join(s.functions, "lambda", "bootstrap"))
	if err != nil {
		return err
	}
	p.done() // it prints three lines for each call
	sys.url = "http://" + front + "/2015-03-31/functions/function/invocations"
	return awaitAnswer(ctx, sys)
}

// freePort is an address that nobody listens at. Others may come to do so before it is used: then its user fails.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitAnswer sends requests until one is answered well.
func awaitAnswer(ctx context.Context, sys *system) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %v", startTimeout))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		got, err := post(ctx, client, sys.url, []byte(echoBody))
		why := fault(got, err, []byte(echoBody))
		if why == "" {
			return nil
		}
		if err := errors.Join(pause(ctx, 10*time.Millisecond), sys.alive()); err != nil {
			return fmt.Errorf("%w: %s", err, why)
		}
	}
}

// startProxy starts a function that speaks HTTP, which is the bare echo, and the proxy in front of it.
func (s *starter) startProxy(ctx context.Context, sys *system) error {
	function, err := s.addSelf(sys, bareCommand)
	if err != nil {
		return err
	}
	behind, err := function.address(ctx)
	if err != nil {
		return err
	}
	proxy, err := s.addSelf(sys, proxyCommand, behind)
	if err != nil {
		return err
	}
	sys.url, err = proxy.echo(ctx)
	return err
}

// serveProxy passes each request on, over as many connections as there are requests at a time, which are kept.
func serveProxy(args []string) error {
	if len(args) != 1 {
		return errors.New("the URL of what is behind the proxy is wanted, and nothing else")
	}
	behind, err := url.Parse(args[0])
	if err != nil {
		return err
	}
	const kept = 1024
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(behind) },
		Transport: &http.Transport{MaxIdleConns: kept, MaxIdleConnsPerHost: kept, DisableCompression: true},
	}
	return serveEcho(func(w http.ResponseWriter, r *http.Request) {
		// Read whole: a body that net/http still passes on when the answer already comes costs now and then that answer.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
}
