# The worker as an image: built with Go and a C compiler, run on a bare Debian as a user without rights.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# The C part takes longest and changes least: a layer of its own.
RUN go build -trimpath github.com/confluentinc/confluent-kafka-go/v2/kafka
COPY . .
ARG VERSION=dev
ARG COMMIT=unknown
RUN go build -trimpath -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/connectd ./cmd/connectd

FROM debian:bookworm-slim
# librdkafka and Go take the authorities they trust from here; the slim image has none.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/connectd /usr/local/bin/connectd
COPY deploy/compose/worker.properties /etc/connectd/worker.properties
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin connectd
USER 10001:10001
EXPOSE 8083
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["connectd", "healthcheck"]
ENTRYPOINT ["connectd"]
CMD ["distributed", "/etc/connectd/worker.properties"]
