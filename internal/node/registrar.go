package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"faasd/internal/bus"
	"faasd/internal/function"
	"faasd/internal/registrar"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
	"faasd/internal/resolve"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Registrar is a registrar's settings. It runs in the process of a frontend.
type Registrar struct {
	Identity
	Store        string   // folder of what is deployed; several registrars may share it
	Admin        string   // where deploying is served: an address, or "unix:PATH"
	Packages     string   // endpoint to bind, where workers fetch packages
	Coordinators []string // XPUB endpoints to dial
}

// RegistrarPart is a registrar and the HTTP server of those who deploy.
type RegistrarPart struct {
	*Part
	registrar *registrar.Registrar
	listener  net.Listener
	server    *http.Server
	served    chan error
}

// unixPrefix marks an admin address that is a socket in the file system.
const unixPrefix = "unix:"

// startRegistrar binds everything; run starts it.
func startRegistrar(ctx *bus.Context, r Registrar, log *slog.Logger) (p *RegistrarPart, err error) {
	started := time.Now()
	r.Role = wire.RoleRegistrar
	self := r.member()
	log = log.With("role", r.Role, "id", r.Name)
	store, err := registry.OpenFolder(r.Store)
	if err != nil {
		return nil, err
	}
	listener, err := admin.Listen(r.Admin)
	if err != nil {
		return nil, err
	}
	m := registrar.NewRegistrar(registrar.New(registrar.Config{
		Self: self, Coordinators: unnamed.Endpoints(r.Coordinators), Log: log, Wall: time.Now,
	}), store, []string{function.EchoName}, log)
	m.Advertise("admin", adminAt(listener))
	part, err := newPart(ctx, r.Identity, m, registrar.Links(), started, log)
	if err == nil {
		part.follow(m, func(now role.Time, book resolve.Book) {
			m.CoordinatorsAt(now, book.Endpoints(r.Coordinators))
		}, r.Coordinators)
		err = part.bind(binding{registrar.LinkPackages, "packages", []string{r.Packages}})
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	part.after = func(context.Context) {
		if err := m.Close(); err != nil {
			log.Warn("the store of functions was not closed", "error", err)
		}
	}
	part.bound["admin"] = adminAt(listener)
	server := admin.NewServer(m)
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return &RegistrarPart{
		Part: part, registrar: m, listener: listener, served: make(chan error, 1),
		server: server,
	}, nil
}

// adminAt is where a listener is reached, as --admin is written.
func adminAt(l net.Listener) string {
	if l.Addr().Network() == "unix" {
		return unixPrefix + l.Addr().String()
	}
	return l.Addr().String()
}

func (p *RegistrarPart) run() {
	p.registrar.Attach(p.host.Do)
	p.Part.run()
	go func() { p.served <- p.server.Serve(p.listener) }()
}

// Stop takes no new changes, ends those that are under way, and stops.
func (p *RegistrarPart) Stop(ctx context.Context) {
	_ = p.server.Close()
	p.Part.Stop(ctx)
}
