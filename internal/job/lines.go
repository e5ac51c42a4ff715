package job

import "container/list"

// Lines are what waits, in a line for each function. The lines are served in
// turn, so that a function with many waits behind itself only.
type Lines[T any] struct {
	byName map[string]*line[T]
	turns  list.List // of *line, the next to be served in front
	length int
}

type line[T any] struct {
	name    string
	waiting list.List // of *Place
	turn    *list.Element
}

// Place is where something waits.
type Place[T any] struct {
	Value T
	line  *line[T]
	at    *list.Element
}

// Len returns how many wait.
func (l *Lines[T]) Len() int { return l.length }

// Waits reports whether anything of a function waits.
func (l *Lines[T]) Waits(function string) bool { return l.byName[function] != nil }

// Push puts v behind whatever waits of its function.
func (l *Lines[T]) Push(function string, v T) *Place[T] {
	p := &Place[T]{Value: v, line: l.line(function)}
	p.at = p.line.waiting.PushBack(p)
	return p
}

// PushFront puts v before whatever waits of its function.
func (l *Lines[T]) PushFront(function string, v T) *Place[T] {
	p := &Place[T]{Value: v, line: l.line(function)}
	p.at = p.line.waiting.PushFront(p)
	return p
}

func (l *Lines[T]) line(name string) *line[T] {
	l.length++
	f := l.byName[name]
	if f == nil {
		if l.byName == nil {
			l.byName = make(map[string]*line[T])
		}
		f = &line[T]{name: name}
		f.turn = l.turns.PushBack(f)
		l.byName[name] = f
	}
	return f
}

// Remove takes out what waits at a place; once.
func (l *Lines[T]) Remove(p *Place[T]) {
	f := p.line
	f.waiting.Remove(p.at)
	l.length--
	if f.waiting.Len() == 0 {
		l.turns.Remove(f.turn)
		delete(l.byName, f.name)
	}
}

// Serve shows the first of each line to take, one line after the other and
// again from the first, until take has refused the first of every line. What
// take accepts it must have removed. A call costs what is taken and how many
// functions wait, not how many jobs.
func (l *Lines[T]) Serve(take func(T) bool) {
	for refused := 0; refused < l.turns.Len(); {
		turn := l.turns.Front()
		l.turns.MoveToBack(turn)
		if take(turn.Value.(*line[T]).waiting.Front().Value.(*Place[T]).Value) {
			refused = 0
		} else {
			refused++
		}
	}
}
