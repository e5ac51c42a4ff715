package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// bareCommand makes this program the server that faasd is compared with.
const bareCommand = "bare-echo"

func (s *starter) startBare(ctx context.Context, sys *system) error {
	p, err := s.addSelf(sys, bareCommand)
	if err != nil {
		return err
	}
	sys.url, err = p.echo(ctx)
	return err
}

// serveBare answers POST /echo as plainly as net/http can: no queue, no worker, no checks.
func serveBare([]string) error {
	return serveEcho(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body)
	})
}

// serveEcho serves POST /echo on a port that the kernel chooses, until the process is ended.
func serveEcho(answer http.HandlerFunc) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", answer)
	fmt.Printf("listening on http://%s\n", listener.Addr())
	return http.Serve(listener, mux)
}
