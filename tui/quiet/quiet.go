// Package quiet keeps bubbletea from asking the terminal for its background
// colour. bubbletea does so when the program starts, whatever the program then
// does, and waits up to 5 s where nothing answers (charmbracelet/bubbletea#1771).
// lipgloss does not ask once it has been told, and Go initialises packages whose
// imports are ready in the order of their paths: this one, below "faasd", comes
// before "github.com/charmbracelet/bubbletea". Import it wherever bubbletea is
// linked.
package quiet

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) } // styles are of colours 0 to 15, which suit both
