/* Six hops of ZeroMQ over tcp, in C: what a round trip through as many links as a job of faasd crosses costs at least.
 *
 *   hops forward [IN]               passes on what comes in, one of five; without IN it binds where that comes in
 *   hops measure FIRST LAST SECONDS sends a message to FIRST, waits for it at LAST, again and again
 *
 * Both print  ready hop in=ENDPOINT out=ENDPOINT  or their result as one line. Each process is single-threaded but for
 * ZeroMQ's own thread; sockets are PUSH and PULL, reads block, nothing is done to a message.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { LENGTH = 24, MOST = 1 << 22 };

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "hops: %s: %s\n", what, zmq_strerror(errno));
	exit(1);
}

static void *joined(void *context, int type, const char *endpoint)
{
	void *s = zmq_socket(context, type);
	must(s != NULL, "make a socket");
	must(zmq_connect(s, endpoint) == 0, endpoint);
	return s;
}

static void *bound(void *context, int type, char *endpoint, size_t size)
{
	void *s = zmq_socket(context, type);
	must(s != NULL, "make a socket");
	must(zmq_bind(s, "tcp://127.0.0.1:*") == 0, "bind a port");
	must(zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "read the port");
	return s;
}

static void forward(void *context, const char *from)
{
	char in[128] = "", out[128];
	void *pull = from ? joined(context, ZMQ_PULL, from) : bound(context, ZMQ_PULL, in, sizeof in);
	void *push = bound(context, ZMQ_PUSH, out, sizeof out);
	printf("ready hop in=%s out=%s\n", from ? from : in, out);
	fflush(stdout);
	zmq_msg_t message;
	zmq_msg_init(&message);
	for (;;) {
		must(zmq_msg_recv(&message, pull, 0) >= 0, "receive");
		must(zmq_msg_send(&message, push, 0) >= 0, "send");
	}
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The first tenth of the time warms up and does not count. */
static void measure(void *context, const char *first, const char *last, double seconds)
{
	void *push = joined(context, ZMQ_PUSH, first), *pull = joined(context, ZMQ_PULL, last);
	int64_t *took = malloc(MOST * sizeof *took);
	must(took != NULL, "allocate");
	char sent[LENGTH], got[LENGTH];
	memset(sent, 'x', LENGTH);
	const int64_t began = now(), counts = began + (int64_t)(seconds * 1e8), ends = began + (int64_t)(seconds * 1e9);
	int n = 0;
	for (uint64_t i = 0;; i++) {
		memcpy(sent, &i, sizeof i);
		int64_t start = now();
		if (start >= ends || n == MOST)
			break;
		must(zmq_send(push, sent, LENGTH, 0) == LENGTH, "send");
		must(zmq_recv(pull, got, LENGTH, 0) == LENGTH, "receive");
		if (memcmp(sent, got, LENGTH) != 0) {
			fprintf(stderr, "hops: message %llu came back as another\n", (unsigned long long)i);
			exit(1);
		}
		if (start >= counts)
			took[n++] = now() - start;
	}
	if (n == 0) {
		fprintf(stderr, "hops: no message came back within %g s\n", seconds);
		exit(1);
	}
	qsort(took, n, sizeof *took, by_size);
	printf("result hops round_trips=%d p50_ns=%lld p99_ns=%lld\n", n, (long long)took[n / 2], (long long)took[(size_t)n * 99 / 100]);
}

int main(int argc, char **argv)
{
	void *context = zmq_ctx_new();
	must(context != NULL, "make a context");
	if (argc >= 2 && argc <= 3 && strcmp(argv[1], "forward") == 0)
		forward(context, argc == 3 ? argv[2] : NULL);
	else if (argc == 5 && strcmp(argv[1], "measure") == 0 && atof(argv[4]) > 0)
		measure(context, argv[2], argv[3], atof(argv[4]));
	else {
		fprintf(stderr, "usage: hops forward [IN] | hops measure FIRST LAST SECONDS\n");
		return 2;
	}
	return 0;
}
