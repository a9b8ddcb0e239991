package c2s

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writePair writes a certificate and its key, and returns the certificate.
func writePair(t *testing.T, certFile, keyFile string) []byte {
	t.Helper()
	cert, err := selfSigned("localhost")
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	return cert.Certificate[0]
}

// The operator's certificate is served, also when it is renewed; a broken one changes nothing.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, err := TLSConfig(certFile, keyFile, "localhost", slog.Default())
	require.ErrorIs(t, err, os.ErrNotExist)
	first := writePair(t, certFile, keyFile)

	secret, err := TLSConfig(certFile, keyFile, "localhost", slog.Default())
	require.NoError(t, err)
	p := start(t, Config{TLS: secret}).dial(t)
	p.Read()
	p.StartTLS()
	p.Read()
	require.Equal(t, first, p.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)

	now := time.Now()
	secret, err = tlsConfig(certFile, keyFile, "localhost", slog.New(slog.DiscardHandler), func() time.Time { return now })
	require.NoError(t, err)
	serves := func(want []byte) {
		t.Helper()
		pair, err := secret.GetCertificate(nil)
		require.NoError(t, err)
		require.Equal(t, want, pair.Certificate[0])
	}
	second := writePair(t, certFile, keyFile)
	serves(first)
	now = now.Add(2 * reloadEvery)
	serves(second)
	require.NoError(t, os.WriteFile(keyFile, nil, 0o600))
	now = now.Add(2 * reloadEvery)
	serves(second)
}
