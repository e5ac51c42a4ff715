// A function for the tests of package wasm: the first word of its body says
// what it does.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	what, rest, _ := strings.Cut(string(body), " ")
	switch what {
	case "echo":
		os.Stdout.WriteString(rest)
	case "env":
		env := os.Environ()
		slices.Sort(env)
		say(strings.Join(env, "\n"))
	case "exit":
		code, _ := strconv.Atoi(rest)
		println("it exits with", code)
		os.Exit(code)
	case "silent":
		os.Exit(1)
	case "panic":
		panic(rest)
	case "much":
		for i := 0; ; i++ {
			println("line", i)
			if i == 1000 {
				os.Exit(1)
			}
		}
	case "flood":
		block := bytes.Repeat([]byte("flood "), 10_000)
		for {
			os.Stdout.Write(block)
		}
	case "sleep":
		time.Sleep(time.Hour)
	case "spin":
		println("spinning")
		for {
		}
	case "fill":
		println("filling")
		b := make([]byte, 8<<20)
		for {
			clear(b)
		}
	case "random":
		println("drawing")
		b := make([]byte, 8<<20)
		for {
			rand.Read(b)
		}
	case "leak":
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case "remember":
		say(remembered)
		remembered = rest
	case "time":
		say(strconv.FormatInt(time.Now().Unix(), 10))
	case "draw":
		say(rand.Text())
	case "nap":
		before := time.Now()
		time.Sleep(20 * time.Millisecond)
		say(strconv.FormatBool(time.Since(before) >= 20*time.Millisecond))
	case "read":
		b, err := os.ReadFile(rest)
		say(string(b) + errorOf(err))
	case "list":
		entries, err := os.ReadDir(rest)
		for _, e := range entries {
			say(e.Name() + " " + strconv.FormatBool(e.IsDir()) + "\n")
		}
		say(errorOf(err))
	case "write":
		say(errorOf(os.WriteFile(rest, []byte("hola"), 0o666)) + errorOf(os.Remove(rest)))
	case "open":
		var files []*os.File
		for {
			f, err := os.Open(rest)
			if err != nil {
				say(strconv.Itoa(len(files)))
				return
			}
			files = append(files, f)
		}
	case "work":
		work(rest)
	}
}

func say(text string) { os.Stdout.WriteString(text) }

var remembered = "nothing"

func errorOf(err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return ""
}

// work does something of everything that programs do.
func work(seed string) {
	sum := sha256.Sum256([]byte(seed))
	list := make([]string, 2000)
	for i := range list {
		sum = sha256.Sum256(sum[:])
		list[i] = hex.EncodeToString(sum[:])
	}
	slices.Sort(list)
	var total float64
	for i := range list {
		total += float64(list[i][0]) / float64(i+1)
	}
	say(strings.Join(list[:10], " ") + " " + strconv.FormatFloat(total, 'g', -1, 64) + " " + strconv.Itoa(fib(20)))
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}
