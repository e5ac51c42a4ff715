#!/usr/bin/env python3
"""A function that receives webhooks as GitHub sends them, and believes only those signed with its secret.

Deploy it with --env WEBHOOK_SECRET=…, the same as at GitHub, and give GitHub its address. Write handle() anew.
"""

import hashlib
import hmac
import json
import os
import sys


def handle(event, payload):
    """Does something with what has happened; returns what the sender is told."""
    repository = payload.get("repository", {}).get("full_name", "?")
    print(f"{event} at {repository}, delivery {os.environ.get('HTTP_X_GITHUB_DELIVERY', '?')}", file=sys.stderr)
    if event == "ping":
        return {"pong": payload.get("zen", "")}
    return {"event": event, "repository": repository}


def signed(body, secret, signature):
    """Whether the signature, "sha256=" and hex, is that of the body, compared in constant time."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def main():
    secret = os.environ.get("WEBHOOK_SECRET")
    if not secret:
        sys.exit("it has no secret: deploy it with --env WEBHOOK_SECRET=…")
    body = sys.stdin.buffer.read()
    if not signed(body, secret, os.environ.get("HTTP_X_HUB_SIGNATURE_256", "")):
        sys.exit("the signature is missing or wrong")
    try:
        payload = json.loads(body)
    except ValueError as error:
        sys.exit(f"the payload is not JSON: {error}; let GitHub send application/json")
    json.dump(handle(os.environ.get("HTTP_X_GITHUB_EVENT", "?"), payload), sys.stdout)


main()
