package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

// within returns a context with a deadline: no call without one.
func within(seconds int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
}

// refusal says what the server said no with: gRPC's status carries a google.rpc.Status with exactly one ErrorInfo.
func refusal(err error) string {
	refused, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	for _, detail := range refused.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return fmt.Sprintf("%s %s: %s %s", refused.Code(), info.Reason, refused.Message(), info.Metadata["remedy"])
		}
	}
	return fmt.Sprintf("%s: %s", refused.Code(), refused.Message()) // nobody listens, or the deadline has passed
}

// transport is plain text, or mutual TLS with the identity that `slipway identity enrol` has left in a folder.
func transport(folder string) (grpc.DialOption, error) {
	if folder == "" {
		return grpc.WithInsecure(), nil
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return grpc.WithTransportCredentials(credentials.NewTLS(config)), nil
}

// uuid returns a random one, version 4.
func uuid() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
