// A function in Go, as AWS Lambda runs them: {"name": "Ada"} gives {"greeting":
// "hello, Ada"}. Nothing in it knows faasd. Built by `make examples`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Name string `json:"name"`
}

type answer struct {
	Greeting string `json:"greeting"`
	Job      string `json:"job"`
}

// errNobody becomes the caller's answer, with its type and text.
var errNobody = errors.New("whom shall it greet? call it with a name")

func hello(ctx context.Context, in request) (answer, error) {
	if in.Name == "" {
		return answer{}, errNobody
	}
	call, _ := lambdacontext.FromContext(ctx)
	fmt.Fprintln(os.Stderr, "greeting", in.Name)
	return answer{Greeting: "hello, " + in.Name, Job: call.AwsRequestID}, nil
}

func main() { lambda.Start(hello) }
