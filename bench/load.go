package main

import (
	"fmt"
	"strconv"
	"strings"
)

// echoBody is what is posted where nothing else is said: 24 bytes.
const echoBody = `{"hola":"mundo","n":123}`

// bodyClients is at how many connections bodies other than the first are measured.
const bodyClients = 32

// A load is what is asked of a system at a time.
type load struct {
	Clients int `json:"clients"`
	Body    int `json:"body_bytes"`
}

func (l load) String() string { return fmt.Sprintf("%d clients, %s", l.Clients, size(l.Body)) }

// loads are the first body over each number of connections, and the others over bodyClients.
func loads(clients, bodies []int) (list []load) {
	for _, c := range clients {
		list = append(list, load{c, bodies[0]})
	}
	for _, b := range bodies[1:] {
		list = append(list, load{bodyClients, b})
	}
	return list
}

// numberedBody is JSON of so many bytes; bodies with other numbers differ everywhere. Where the number leaves no room for
// anything else, the body is as long as that takes.
func numberedBody(n, bytesWanted int) []byte {
	const key, end = `,"x":"`, `"}`
	body := fmt.Appendf(make([]byte, 0, bytesWanted), `{"hola":"mundo","n":%d`, n)
	room := bytesWanted - len(body) - len(key) - len(end)
	if room < 0 {
		return append(body, '}')
	}
	body = append(body, key...)
	for i := range room {
		body = append(body, 'a'+byte((n+i+i/26)%26))
	}
	return append(body, end...)
}

// sizeUnits are those of sizes, the largest first.
var sizeUnits = []struct {
	name  string
	bytes int
}{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size writes bytes as people read them.
func size(n int) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d %s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// parseSize reads what size writes, with or without the space, and plain numbers.
func parseSize(text string) (int, error) {
	for _, u := range sizeUnits {
		if number, found := strings.CutSuffix(text, u.name); found {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			return n * u.bytes, err
		}
	}
	return strconv.Atoi(text)
}

// sameBody is what is posted again and again; of 24 bytes it is echoBody.
func sameBody(bytesWanted int) []byte { return numberedBody(123, bytesWanted) }
