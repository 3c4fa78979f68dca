package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

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
	)
}
