#!/usr/bin/env python3
"""A function on the Runtime API with nothing but Python's standard library.

Each request has a connection of its own, as simple runtimes do it. The handler
is named by _HANDLER, as a function of this file.
"""

import http.client
import json
import os
import sys

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
RUNTIME = "/2018-06-01/runtime/"


def request(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(API)
    connection.request(method, RUNTIME + path, body, headers or {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def echo(body, context):
    return body


def shout(body, context):
    return json.dumps(json.loads(body)["text"].upper()).encode()


def fail(body, context):
    raise ValueError("this is not a number")


def attempt(body, context):
    return context["Lambda-Runtime-Faasd-Attempt"].encode()


def leave(body, context):
    """Answers and is gone, without waiting to hear that the answer has arrived."""
    job = context["Lambda-Runtime-Aws-Request-Id"]
    http.client.HTTPConnection(API).request("POST", RUNTIME + f"invocation/{job}/response", body)
    os._exit(1)


def broken(body, context):
    return body


def error(e):
    return json.dumps({"errorMessage": str(e), "errorType": type(e).__name__, "stackTrace": []})


def main():
    name = os.environ["_HANDLER"]
    try:
        if name == "broken":
            raise ImportError("No module named 'missing'")
        handler = globals()[name]
    except Exception as e:
        request("POST", "init/error", error(e), {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"})
        sys.exit(1)
    while True:
        call, body = request("GET", "invocation/next")
        job = call.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            result = handler(body, call.headers)
        except Exception as e:
            request("POST", f"invocation/{job}/error", error(e), {"Lambda-Runtime-Function-Error-Type": type(e).__name__})
            continue
        request("POST", f"invocation/{job}/response", result)


main()
