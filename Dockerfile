# One static binary in an empty image, also by the name of CoreDNS's. Build:  docker build -t clusterdns .
#
# For musl instead of glibc:  docker build --build-arg TARGET=x86_64-unknown-linux-musl .
# No file capability is set on the binary: a runtime that drops all capabilities would refuse to
# start it then. Kubernetes lets pods bind port 53 by NET_BIND_SERVICE, or by its default of
# net.ipv4.ip_unprivileged_port_start=0 in the pod.
FROM rust:1.95-slim AS build
ARG TARGET=x86_64-unknown-linux-gnu
RUN rustup target add "$TARGET"
WORKDIR /src
COPY . .
# The lines of the sources are for profilers; the names of functions stay, for reports of defects.
ENV CARGO_PROFILE_DIST_STRIP=debuginfo
RUN RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile dist --locked --target "$TARGET" \
    && mkdir /image \
    && cp "target/$TARGET/dist/clusterdns" /image/clusterdns \
    && ln -s clusterdns /image/coredns

FROM scratch
# Manifests that name a command name CoreDNS's: /coredns leads to the same binary.
COPY --from=build /image/ /
# Upstreams over TLS, of authorities that everybody trusts.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 53/udp 53/tcp 9153/tcp
ENTRYPOINT ["/clusterdns"]
CMD ["serve", "--listen", "0.0.0.0:53", "--admin", "0.0.0.0:9153"]
