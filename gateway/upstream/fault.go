package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"

	"tongma/adapters"
	"tongma/standard"
)

// faultOf names the trouble that err is. Of err itself nothing is kept: it may hold the URL, or a piece of what the backend wrote.
// What is not known by name has the reason otherwise: before a reply no connection, within one an answer that is cut off.
func faultOf(err error, otherwise standard.ReasonCode) *adapters.Fault {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		network     net.Error
		operation   *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return &adapters.Fault{Reason: standard.ReasonPatience, What: "the call was given up", Err: context.Canceled}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return &adapters.Fault{Reason: standard.ReasonTimeout, What: "no complete reply in time"}
	case errors.Is(err, errElsewhere):
		return errElsewhere
	case errors.As(err, &dns):
		return &adapters.Fault{Reason: standard.ReasonUnreachable, What: "the endpoint's name cannot be resolved"}
	case errors.As(err, &certificate):
		return &adapters.Fault{Reason: standard.ReasonFault, What: "the endpoint's certificate is not trusted"}
	case errors.As(err, &record):
		return &adapters.Fault{Reason: standard.ReasonFault, What: "the endpoint does not speak TLS"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &adapters.Fault{Reason: standard.ReasonUnreachable, What: "connection refused"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &adapters.Fault{Reason: otherwise, What: "connection reset"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &adapters.Fault{Reason: otherwise, What: "connection closed before the reply was complete"}
	case errors.As(err, &operation):
		return &adapters.Fault{Reason: otherwise, What: "connection failed: " + operation.Op}
	}
	return &adapters.Fault{Reason: standard.ReasonFault, What: "the exchange is not HTTP as it should be"}
}
