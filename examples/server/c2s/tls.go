package c2s

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"time"
)

// reloadEvery is how often the files are read again: certificates are renewed.
const reloadEvery = time.Hour

// TLSConfig serves the certificate of a pair of files, which are read again every hour, or one that
// the server makes and signs itself.
func TLSConfig(certFile, keyFile, domain string, log *slog.Logger) (*tls.Config, error) {
	return tlsConfig(certFile, keyFile, domain, log, time.Now)
}

func tlsConfig(certFile, keyFile, domain string, log *slog.Logger, now func() time.Time) (*tls.Config, error) {
	if certFile == "" {
		cert, err := selfSigned(domain)
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, err
	}
	var mu sync.Mutex
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	read := now()
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if now().Sub(read) > reloadEvery {
			read = now()
			if next, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
				pair = next
			} else {
				log.Error("the certificate cannot be read again", "error", err)
			}
		}
		served := pair
		return &served, nil
	}
	return &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12}, err
}

// selfSigned makes a certificate that nobody else signs, for a year.
func selfSigned(domain string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: domain},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{domain}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
