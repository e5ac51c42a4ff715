// Command lambda is an echo made with AWS's own library for Go, as it would be deployed at AWS.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(echo{}) }

type echo struct{}

// Invoke implements [lambda.Handler], which neither decodes nor encodes.
func (echo) Invoke(_ context.Context, body []byte) ([]byte, error) { return body, nil }
