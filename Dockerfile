# One image with operator and proxy: static binaries, no shell, no root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/ ./cmd/operator ./cmd/proxy

FROM scratch
COPY --from=build /out/operator /fanout-operator
COPY --from=build /out/proxy /fanout-proxy
USER 65532:65532
ENTRYPOINT ["/fanout-proxy"]
