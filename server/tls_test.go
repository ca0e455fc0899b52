package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate makes a certificate for this machine, signed by itself, which serves as
// authority, server and client. It returns the files of it and of its key.
func certificate(t *testing.T) (cert, key string, pair tls.Certificate, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nubdb test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key = write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(leaf)
	return cert, key, pair, pool
}

func TestTLS(t *testing.T) {
	cert, key, _, pool := certificate(t)
	s := start(t, func(c *Config) { c.TLS = TLS{Cert: cert, Key: key} })
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	c := &client{conn, t}
	value := strings.Repeat("x", 3<<20)
	go io.WriteString(conn, "SET big "+value+"\nGET big\nSLEEP 0.01\nQUIT\n")
	c.want("+OK\n$3145728\n" + value + "\n+OK\n")
	c.wantEnd("+OK\n")

	plain := s.dial()
	io.WriteString(plain, "PING\r\n") // is no TLS: the connection is closed
	if rest, _ := io.ReadAll(plain); strings.Contains(string(rest), "PONG") {
		t.Errorf("got %q without TLS", rest)
	}
	if _, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}

// With a CA clients without a certificate of it get nothing.
func TestClientCertificates(t *testing.T) {
	cert, key, pair, pool := certificate(t)
	s := start(t, func(c *Config) { c.TLS = TLS{Cert: cert, Key: key, CA: cert}; c.Bind = []string{"0.0.0.0"} })
	_, port, _ := net.SplitHostPort(s.addr)
	addr := net.JoinHostPort("127.0.0.1", port)
	for _, certificates := range [][]tls.Certificate{nil, {pair}} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, Certificates: certificates})
		if err == nil {
			conn.SetDeadline(time.Now().Add(patience))
			io.WriteString(conn, "PING\n")
			var reply [6]byte
			_, err = io.ReadFull(conn, reply[:])
			conn.Close()
		}
		if (err == nil) != (certificates != nil) {
			t.Errorf("with %d certificates: %v", len(certificates), err)
		}
	}
}

func TestTLSFiles(t *testing.T) {
	cert, key, _, _ := certificate(t)
	for name, files := range map[string]TLS{
		"no key": {Cert: cert}, "no certificate": {Key: key}, "only a CA": {CA: cert}, "key for certificate": {Cert: key, Key: key},
		"a CA without certificates": {Cert: cert, Key: key, CA: key}, "no such file": {Cert: cert, Key: key + ".none"},
	} {
		_, err := newServer(Config{TCP: true, TLS: files})
		if !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
