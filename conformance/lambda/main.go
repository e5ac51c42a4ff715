// Command lambda is a function made with AWS's own library for Go, as it would
// be deployed at AWS. What it does is asked for in the body of each call; the
// tests of faasd's Lambda runtime call it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// order is what a call may ask for. A body that is none is echoed.
type order struct {
	Do    string        `json:"do"`
	Text  string        `json:"text"`
	Code  int           `json:"code"`
	Sleep time.Duration `json:"sleep"` // ns
}

// running counts the calls that this process runs at the moment, peak how many
// they were at most.
var running, peak atomic.Int32

func main() {
	if d, err := time.ParseDuration(os.Getenv("SLOW_START")); err == nil {
		time.Sleep(d)
	}
	if why := os.Getenv("FAILED_START"); why != "" {
		log.Fatal(why)
	}
	var options []lambda.Option
	if mark := os.Getenv("MARK_SIGTERM"); mark != "" {
		options = append(options, lambda.WithEnableSIGTERM(func() {
			_ = os.WriteFile(mark, []byte("SIGTERM"), 0o600)
			os.Exit(0)
		}))
	}
	lambda.StartWithOptions(handle, options...)
}

func handle(ctx context.Context, body json.RawMessage) (any, error) {
	count(running.Add(1))
	defer running.Add(-1)
	var o order
	_ = json.Unmarshal(body, &o) // anything else is echoed
	switch o.Do {
	case "error":
		return nil, errors.New(o.Text)
	case "panic":
		panic(o.Text)
	case "exit":
		fmt.Println("leaving")
		os.Exit(o.Code)
	case "sleep":
		time.Sleep(o.Sleep)
	case "print":
		fmt.Println(o.Text)
		fmt.Fprintln(os.Stderr, o.Text)
	case "long":
		return strings.Repeat("x", o.Code), nil
	case "grow":
		return grow(o.Code), nil
	case "describe":
		return describe(ctx), nil
	case "stream", "stream that breaks":
		return stream(o), nil
	case "together":
		return together(ctx, int32(o.Code))
	}
	return body, nil
}

// describe is what a function gets to know of its call and its surroundings.
func describe(ctx context.Context) any {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	dir, _ := os.Getwd()
	return map[string]any{
		"request": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "client": lc.ClientContext,
		"deadline": deadline.UnixMilli(), "trace": ctx.Value("x-amzn-trace-id"),
		"name": lambdacontext.FunctionName, "version": lambdacontext.FunctionVersion,
		"memory": lambdacontext.MemoryLimitInMB, "group": lambdacontext.LogGroupName, "stream": lambdacontext.LogStreamName,
		"environment": os.Environ(), "folder": dir, "pid": os.Getpid(),
	}
}

// stream answers bit by bit, as functions behind a URL do.
func stream(o order) any {
	var body io.Reader = strings.NewReader(o.Text)
	if o.Do == "stream that breaks" {
		body = io.MultiReader(body, broken{})
	}
	return &events.LambdaFunctionURLStreamingResponse{
		StatusCode: 201, Headers: map[string]string{"Content-Type": "text/plain"}, Body: body,
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the stream broke") }

func count(now int32) {
	for {
		most := peak.Load()
		if now <= most || peak.CompareAndSwap(most, now) {
			return
		}
	}
}

// together waits until that many calls have run in this process at a time.
func together(ctx context.Context, n int32) (any, error) {
	for peak.Load() < n {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return n, nil
}

// grow uses that many MB of memory and keeps them.
func grow(mb int) int {
	kept := make([][]byte, 0, mb)
	for range mb {
		page := make([]byte, 1<<20)
		for i := range page {
			page[i] = byte(i) | 1
		}
		kept = append(kept, page)
	}
	return len(kept)
}
