package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// bareCommand makes this program the server that faasd is compared with.
const bareCommand = "bare-echo"

// serveBare answers POST /echo as plainly as net/http can: no queue, no worker, no checks.
func serveBare() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body)
	})
	fmt.Printf("listening on http://%s\n", listener.Addr())
	fmt.Fprintln(os.Stderr, "bench:", http.Serve(listener, mux))
	return 1
}
