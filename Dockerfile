# For those who have an engine. `make image` makes the same without one, reproducibly, with labels for the commit and an SBOM:
# only the certificates are Debian's here.
#
#   docker build -t REGISTRY/docker-pull-secret-operator:0.1.0 .
#
# To pin the base image, put the digest of your mirror behind its tag.
FROM docker.io/library/rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# Static: the image has no libc. With a target, the flag is not for what runs in the compiler.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS=-Ctarget-feature=+crt-static cargo build --release --locked --bin dps --target "$target" \
    && mkdir -p /image/usr/local/bin /image/etc/ssl/certs \
    && cp "target/$target/release/dps" /image/usr/local/bin/dps \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && echo 'hosts: files dns' >/image/etc/nsswitch.conf \
    && printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >/image/etc/passwd \
    && printf 'root:x:0:\nnonroot:x:65532:\n' >/image/etc/group

FROM scratch
COPY --from=build /image /
LABEL org.opencontainers.image.title=docker-pull-secret-operator org.opencontainers.image.version=0.1.0 \
    org.opencontainers.image.licenses=Apache-2.0
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/dps"]
