# docker build -t docker-pull-secret-operator:0.1.0 .
FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin dps

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/dps /usr/local/bin/dps
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/dps"]
