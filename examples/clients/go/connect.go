package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// reconnecting is shorter than gRPC's own: a second after a connection that failed is longer than
// all tries of a call together.
var reconnecting = grpc.ConnectParams{
	Backoff: backoff.Config{
		BaseDelay:  100 * time.Millisecond,
		Multiplier: 1.6,
		Jitter:     0.2,
		MaxDelay:   5 * time.Second,
	},
	MinConnectTimeout: 5 * time.Second,
}

// connect opens a channel as the identity whose certificate is in name.pem and name.key. Keep it:
// it reconnects by itself, and carries any number of calls at once.
func connect(address, authority, name string) (*grpc.ClientConn, error) {
	certificate, err := tls.LoadX509KeyPair(name+".pem", name+".key")
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New(authority + " has no certificate")
	}
	mutual := credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate},
		RootCAs:      roots,
		MinVersion:   tls.VersionTLS13,
	})
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(mutual),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithConnectParams(reconnecting),
	)
}
