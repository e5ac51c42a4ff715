package job

// Shares keeps what each function has outstanding in one window, and each to
// its share: a function may hold at most as much as is then still free. So one
// alone gets half of the window, two a third each, and whoever holds nothing
// finds room whatever the others do. (Choudhury and Hahne, "Dynamic queue
// length thresholds for shared-memory packet switches", 1998, with α = 1.)
// The zero Shares is empty and ready to use.
type Shares struct {
	held map[string]Window
	all  Window
}

// All is what all functions hold together.
func (s *Shares) All() Window { return s.all }

// Fits reports whether a function may hold one more job of that size where free
// is left. Whether a first one has room is the window's matter.
func (s *Shares) Fits(function string, size uint64, free Window) bool {
	h, holds := s.held[function]
	return !holds || h.Count+2 <= free.Count && h.Bytes+2*size <= free.Bytes
}

// Admits is Fits for a window that only these shares draw on. While any byte of
// it is left there is room for one job, however large, as in Link.Room.
func (s *Shares) Admits(function string, size uint64, window Window) bool {
	free := window.less(s.all)
	return free.Count > 0 && free.Bytes > 0 && s.Fits(function, size, free)
}

// Add notes that a function holds a job more.
func (s *Shares) Add(function string, size uint64) {
	if s.held == nil {
		s.held = make(map[string]Window)
	}
	h := s.held[function]
	s.held[function] = Window{h.Count + 1, h.Bytes + size}
	s.all.Count++
	s.all.Bytes += size
}

// Remove takes back an Add.
func (s *Shares) Remove(function string, size uint64) {
	if h := s.held[function]; h.Count > 1 {
		s.held[function] = Window{h.Count - 1, h.Bytes - size}
	} else {
		delete(s.held, function)
	}
	s.all.Count--
	s.all.Bytes -= size
}
