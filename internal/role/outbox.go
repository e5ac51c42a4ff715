package role

// Outbox collects a machine's effects. Machines embed it.
type Outbox struct{ filling, handed []Effect }

// Emit adds an effect.
func (o *Outbox) Emit(e Effect) { o.filling = append(o.filling, e) }

// Effects returns what was emitted since the last call, in order. The slice is
// valid until the next call.
func (o *Outbox) Effects() []Effect {
	clear(o.handed)
	o.filling, o.handed = o.handed[:0], o.filling
	return o.handed
}
