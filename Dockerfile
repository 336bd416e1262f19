# stalls with its HAProxy. Builds with BuildKit and with the builder before it; see docs/image.md for how to run it.

# Another Rust or HAProxy: --build-arg RUST_IMAGE=... or HAPROXY_IMAGE=..., both on Debian.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG HAPROXY_IMAGE=haproxy:3.2

# The profile of the build: --build-arg PROFILE=quick takes a fraction of the time, for tests.
ARG PROFILE=release

# All dependencies of stalls, without our own sources: this stage stays when only these change.
FROM ${RUST_IMAGE} AS dependencies
ARG PROFILE
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY actors/Cargo.toml actors/
COPY tests/lab/Cargo.toml tests/lab/
RUN for folder in src actors/src tests/lab/src; do mkdir -p $folder && echo '//! Not ours yet.' >$folder/lib.rs; done \
    && mv src/lib.rs src/main.rs && echo 'fn main() {}' >>src/main.rs \
    && cargo build --locked --profile "$PROFILE" --package stalls

FROM dependencies AS build
ARG PROFILE
# The sources may be older than what has just been built from nothing, and cargo goes by that.
COPY actors actors
COPY src src
RUN touch actors/src/lib.rs src/main.rs \
    && cargo build --locked --profile "$PROFILE" --package stalls \
    && cp "target/$PROFILE/stalls" stalls

FROM ${HAPROXY_IMAGE}
ARG HAPROXY_IMAGE
# The version of Cargo.toml; a test compares them.
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="stalls" \
    org.opencontainers.image.description="Keeps every container of a scaled service reachable on its own port, through HAProxy" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.base.name="${HAPROXY_IMAGE}"

# A number, so that the host and its volumes can name the user, too. A new volume gets owner and mode from here.
USER root
RUN install -d -o 10001 -g 10001 -m 0700 /run/stalls /var/lib/stalls
COPY LICENSE /usr/share/doc/stalls/
COPY --from=build /build/stalls /usr/local/bin/
USER 10001:10001
WORKDIR /
VOLUME /var/lib/stalls

# HAProxy's own image asks for SIGUSR1, which means nothing to stalls.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["stalls", "health"]
ENTRYPOINT ["stalls"]
