package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// The four processes of the NATS system: a server, a bridge that turns requests of HTTP into requests of NATS, and two
// workers that share them. It is what one would build from NATS for what faasd does, with none of faasd's promises: a
// job is in memory once, and lost with whoever has it.
const (
	natsServerCommand = "nats-server"
	natsBridgeCommand = "nats-bridge" // and the server's URL
	natsWorkerCommand = "nats-worker" // and the server's URL
)

const (
	natsWorkers = 2
	natsSubject = "echo"
	natsGroup   = "workers" // each request goes to one member
	natsLargest = 8 << 20   // bytes of a message; faasd takes bodies of 6 MiB
	natsTimeout = 10 * time.Second
)

// startNATS starts all four.
func (s *starter) startNATS(ctx context.Context, sys *system) error {
	broker, err := s.addSelf(sys, natsServerCommand)
	if err != nil {
		return err
	}
	address, err := broker.address(ctx)
	if err != nil {
		return err
	}
	for range natsWorkers {
		worker, err := s.addSelf(sys, natsWorkerCommand, address)
		if err != nil {
			return err
		}
		if _, err := worker.address(ctx); err != nil {
			return err
		}
	}
	bridge, err := s.addSelf(sys, natsBridgeCommand, address)
	if err != nil {
		return err
	}
	sys.url, err = bridge.echo(ctx)
	return err
}

// serveNATS is the server, as it is by default but for its port and the size of messages.
func serveNATS([]string) error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: natsLargest, NoLog: true, NoSigs: true,
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		return fmt.Errorf("the NATS server takes no connections after %v", startTimeout)
	}
	fmt.Printf("listening on %s\n", s.ClientURL())
	s.WaitForShutdown()
	return errors.New("the NATS server has ended")
}

// workNATS answers each request with its body.
func workNATS(args []string) error {
	connection, err := dialNATS(args)
	if err != nil {
		return err
	}
	_, err = connection.QueueSubscribe(natsSubject, natsGroup, func(m *nats.Msg) {
		if err := m.Respond(m.Data); err != nil {
			fmt.Fprintln(os.Stderr, "bench: respond:", err)
		}
	})
	if err != nil {
		return err
	}
	if err := connection.Flush(); err != nil { // the server knows of the subscription
		return err
	}
	fmt.Printf("listening on %s\n", connection.ConnectedUrl())
	select {}
}

// bridgeNATS answers POST /echo with what a worker answers.
func bridgeNATS(args []string) error {
	connection, err := dialNATS(args)
	if err != nil {
		return err
	}
	return serveEcho(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), natsTimeout)
		defer cancel()
		answer, err := connection.RequestWithContext(ctx, natsSubject, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(answer.Data)
	})
}

func dialNATS(args []string) (*nats.Conn, error) {
	if len(args) != 1 {
		return nil, errors.New("the NATS server's URL is wanted, and nothing else")
	}
	connection, err := nats.Connect(args[0], nats.MaxReconnects(0))
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server %s: %w", args[0], err)
	}
	return connection, nil
}
