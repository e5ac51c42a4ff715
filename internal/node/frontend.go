package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"faasd/internal/bus"
	"faasd/internal/config"
	"faasd/internal/frontend"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/frontend/lambda"
	"faasd/internal/frontend/native"
	"faasd/internal/frontend/openfaas"
	"faasd/internal/function"
	"faasd/internal/metrics"
	"faasd/internal/resolve"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Frontend is a frontend's settings.
type Frontend struct {
	Identity
	Limits
	Requests
	HTTP         string    // address to listen on
	Replies      string    // endpoint to bind
	Brokers      []string  // PULL endpoints to dial
	Coordinators []string  // XPUB endpoints to dial
	Registrar    Registrar // with Store "": none runs here; of its name and coordinators, the frontend's are taken

	watch func(handler func(*httpserver.Exchange)) func(*httpserver.Exchange) // nil: nobody watches its requests
}

// Requests is what is promised of a request.
type Requests struct {
	Timeout    time.Duration     // from its header until it is answered 504
	MaxTimeout time.Duration     // the most that a function's own timeout makes of it
	MaxWait    time.Duration     // what it should wait at most, or be refused
	Attempts   config.ByFunction // runs of its job that may be lost alone with their worker
}

// FrontendPart is a frontend and its HTTP server.
type FrontendPart struct {
	*Part
	gateway  *frontend.Gateway
	calls    *httpcall.Calls
	listener net.Listener
	server   *httpserver.Server
	served   chan error
}

// watched is a handler as f has it watched.
func (f Frontend) watched(handler func(*httpserver.Exchange)) func(*httpserver.Exchange) {
	if f.watch == nil {
		return handler
	}
	return f.watch(handler)
}

// startFrontend binds everything; run starts it.
func startFrontend(ctx *bus.Context, f Frontend, set *metrics.Set, log *slog.Logger) (*FrontendPart, error) {
	f.Role = wire.RoleFrontend
	started := time.Now()
	self := f.member()
	log = log.With("role", f.Role, "id", f.Name)
	listener, err := listen(f.HTTP)
	if err != nil {
		advice := "choose an address and port that this user may listen on with --http"
		if errors.Is(err, syscall.EADDRINUSE) {
			advice = "stop whoever uses it, or choose another with --http (port 0 picks a free one)"
		}
		return nil, fmt.Errorf("cannot listen for HTTP on %s: %w; %s", f.HTTP, plain(err), advice)
	}
	most, err := connections()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	m := frontend.New(frontend.Config{
		Self: self, HTTP: listener.Addr().String(), Brokers: unnamed.Endpoints(f.Brokers), Coordinators: unnamed.Endpoints(f.Coordinators),
		Following: len(resolve.Hosts(f.Coordinators)) > 0,
		BuiltIn:   []string{function.EchoName}, Attempts: f.Attempts.For, MaxWait: f.MaxWait, Window: f.window(),
		Log: log, Wall: time.Now,
	})
	p, err := newPart(ctx, f.Identity, m, frontend.Links(f.maxMessage()), started, log)
	if err == nil {
		p.follow(m, func(now role.Time, book resolve.Book) {
			m.BrokersAt(now, book.Endpoints(f.Brokers))
			m.CoordinatorsAt(now, book.Endpoints(f.Coordinators))
		}, f.Brokers, f.Coordinators)
		err = p.bind(binding{frontend.LinkReplies, "replies", []string{f.Replies}})
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	fp := &FrontendPart{Part: p, gateway: frontend.NewGateway(m, p.host.Do, p.ended), listener: listener, served: make(chan error, 1)}
	fp.calls = httpcall.New(httpcall.Config{
		MaxBody: f.MaxBody, MaxBodies: f.WindowBytes, Timeout: f.Timeout, MaxTimeout: f.MaxTimeout, Observe: set.Request,
	}, fp.gateway)
	fp.server = httpserver.New(httpserver.Config{Handler: f.watched(fp.handler(set)), Refuse: httpcall.Malformed, Connections: most, Log: log})
	return fp, nil
}

// handler serves all interfaces: what a call may cost is bounded over all of them.
func (f *FrontendPart) handler(set *metrics.Set) func(*httpserver.Exchange) {
	aliases := openfaas.New(f.calls)
	return f.calls.Handler(
		httpcall.Route{Prefix: lambda.Prefix, Serve: lambda.New(f.calls).Serve},
		httpcall.Route{Prefix: openfaas.Prefix, Serve: aliases.Serve},
		httpcall.Route{Prefix: openfaas.AsyncPrefix, Serve: aliases.Serve},
		httpcall.Route{Serve: native.New(f.calls, f.gateway, page(set)).Serve},
	)
}

// page serves a process's metrics.
func page(set *metrics.Set) func(*httpserver.Exchange) {
	return func(x *httpserver.Exchange) {
		p := set.Page(x.Header("Accept"), x.Header("Accept-Encoding"))
		for name, values := range p.Head {
			x.Set(name, values[0])
		}
		x.Send(p.Status, p.Body.Bytes())
	}
}

// plain takes the operation and address, which the caller has named, off a
// listener's error.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func (f *FrontendPart) run() {
	f.Part.run()
	go func() { f.served <- f.server.Serve(f.listener) }()
}

// URL is where clients reach the frontend.
func (f *FrontendPart) URL() string { return "http://" + config.Dialable(f.listener.Addr().String()) }

// Stop takes no new connections, answers what is open until ctx ends, and
// stops. Requests that come meanwhile by connections that are there are
// answered too, 503.
func (f *FrontendPart) Stop(ctx context.Context) {
	f.server.Drain()
	_ = f.listener.Close() // of which the server knows nothing if run has not been called
	f.calls.Stop()
	f.Part.Stop(ctx)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancel()
	f.server.Shutdown(last, ctx)
}

// lastAnswers is how long clients have at least to fetch what has been answered, and
// at most to bring requests that are refused.
const lastAnswers = time.Second

// readyPoll is how often a starting frontend is asked whether it is ready.
const readyPoll = 5 * time.Millisecond

// wait waits until ok says yes, ctx ends, or the frontend does.
func (f *FrontendPart) wait(ctx context.Context, ok func(context.Context) (bool, error)) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		if yes, err := ok(ctx); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// RunFrontend runs a frontend alone in this process until ctx ends, and then
// stops it. listening is called once a broker takes its requests; until then
// they are refused.
func RunFrontend(ctx context.Context, f Frontend, with Process, listening func(url string)) error {
	tuneRuntime(true)
	zmq, err := bus.NewContext()
	if err != nil {
		return err
	}
	defer zmq.Close()
	zmq.Resolver = with.Resolver
	var p *FrontendPart
	var reg *RegistrarPart // nil: none
	parts := func() []*Part {
		if reg == nil {
			return []*Part{p.Part}
		}
		return []*Part{p.Part, reg.Part}
	}
	set := newMetrics(parts)
	if p, err = startFrontend(zmq, f, set, with.Log); err != nil {
		return err
	}
	if reg, err = f.startRegistrar(zmq, with.Log); err != nil {
		return errors.Join(err, p.listener.Close())
	}
	t, err := openTelemetry(with.Metrics, set, parts, with.Log)
	if err != nil {
		return errors.Join(err, p.listener.Close())
	}
	defer t.close()
	giveWayUnderLoad(p.host, with.Log)
	p.run()
	t.run()
	with.Announce(p.ready(t))
	var ended <-chan struct{} // of the registrar
	var served chan error     // likewise
	if reg != nil {
		reg.run()
		with.Announce(reg.Ready())
		ended, served = reg.ended, reg.served
	}
	if p.wait(ctx, p.gateway.Ready) == nil {
		listening(p.URL())
	}
	select {
	case <-ctx.Done():
		err = nil
	case <-p.ended:
		err = errors.Join(errEnded, p.err)
	case e := <-p.served:
		err = fmt.Errorf("HTTP server on %s: %w", p.URL(), e)
	case <-ended:
		err = errors.Join(errEnded, reg.err)
	case e := <-served:
		err = fmt.Errorf("HTTP server of those who deploy: %w", e)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), with.Grace)
	defer cancel()
	if reg != nil {
		reg.Stop(stop)
	}
	p.Stop(stop)
	return err
}

// startRegistrar starts the registrar of a frontend's process; nil if it is to
// have none.
func (f Frontend) startRegistrar(ctx *bus.Context, log *slog.Logger) (*RegistrarPart, error) {
	if f.Registrar.Store == "" {
		return nil, nil
	}
	r := f.Registrar
	r.Identity, r.Coordinators = f.Identity, f.Coordinators
	return startRegistrar(ctx, r, log)
}
