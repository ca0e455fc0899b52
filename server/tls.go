package server

// TLS names the files of a server that speaks TLS on its TCP port.
type TLS struct {
	Cert string // certificates in PEM, the server's first
	Key  string // its private key
	CA   string // who signs the certificates that clients must show; empty: they need none
}
