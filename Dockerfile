# The image of every role, with faasctl. Nothing is started as root.
#
#   docker build -t faasd .
#   docker run --init -p 3000:3000 faasd up
#
# `up` is the whole system in one container; docker-compose.yml has a container for each role.

FROM golang:1.26-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libzmq3-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
COPY tui tui
# What `faasctl version` and the parts say of themselves; `make image` sets them.
ARG VERSION=dev
ARG COMMIT=
RUN CGO_ENABLED=1 go build -trimpath -buildvcs=false -o /out/ \
    -ldflags "-s -w -X faasd/internal/config.Version=$VERSION -X faasd/internal/config.Commit=$COMMIT" \
    ./cmd/faasd ./cmd/faasctl

FROM debian:12-slim
# Logs, caches and backups of the installation are the same in no two builds, and nobody reads them.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libzmq5 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/cache/ldconfig /var/log/* /var/lib/dpkg/*-old
# By hand: useradd would note the day. The folders are where volumes go, and a new volume gets their owner.
RUN echo 'faasd:x:10001:' >>/etc/group \
 && echo 'faasd:x:10001:10001::/var/lib/faasd:/usr/sbin/nologin' >>/etc/passwd \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/faasd /var/lib/faasd/data /var/lib/faasd/store /var/lib/faasd/work
COPY --from=build /out/ /usr/local/bin/
ARG VERSION=dev
ARG COMMIT=
LABEL org.opencontainers.image.title="faasd" \
      org.opencontainers.image.description="A Function-as-a-Service over ZeroMQ: all roles, and faasctl" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
USER 10001:10001
# A container's loopback is its own: what it serves is for others. FAASD_DATA is where `faasd up` and faasctl meet.
ENV FAASD_HTTP=0.0.0.0:3000 \
    FAASD_METRICS=0.0.0.0:9100 \
    FAASD_DATA=/var/lib/faasd/data
EXPOSE 3000 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["faasd", "health"]
ENTRYPOINT ["faasd"]
CMD ["--help"]
