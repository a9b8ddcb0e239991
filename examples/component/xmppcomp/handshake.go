package xmppcomp

import (
	"crypto/sha1" //nolint:gosec // XEP-0114 knows no other
	"encoding/hex"
	"fmt"
	"io"

	"github.com/beevik/etree"
)

// handshake opens a stream on a new connection and proves the secret (XEP-0114
// §3). It returns the reader of what follows.
func handshake(rw io.ReadWriter, domain, secret string, limits Limits) (*reader, error) {
	_, err := fmt.Fprintf(rw, "<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' to='%s'>",
		nsComponent, nsStream, escape(domain))
	if err != nil {
		return nil, err
	}
	r := newReader(rw, limits)
	id, err := r.open()
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(rw, "<handshake>%s</handshake>", digest(id, secret)); err != nil {
		// The server may have said why it hung up.
		if said := r.goodbye(domain); said != nil {
			return nil, said
		}
		return nil, err
	}
	for {
		el, err := r.next()
		if err != nil {
			return nil, err
		}
		switch {
		case el.Tag == "handshake":
			return r, nil
		case isStreamError(el):
			return nil, streamError(el, domain)
		}
	}
}

// digest is the proof: the hash of the stream's id and the secret.
func digest(id, secret string) string {
	sum := sha1.Sum([]byte(id + secret))
	return hex.EncodeToString(sum[:])
}

// goodbye reads a stream error that the server sent before it hung up, if there is
// one.
func (r *reader) goodbye(domain string) error {
	el, err := r.next()
	if err == nil && isStreamError(el) {
		return streamError(el, domain)
	}
	return nil
}

func isStreamError(el *etree.Element) bool {
	return el.Tag == "error" && el.SelectAttrValue("xmlns", "") == nsStream
}

// streamError reads a stream error (RFC 6120 §4.9.2).
func streamError(el *etree.Element, domain string) *StreamError {
	e := &StreamError{Condition: "undefined-condition", Domain: domain}
	for _, child := range el.ChildElements() {
		if child.SelectAttrValue("xmlns", "") != nsErrors {
			continue
		}
		if child.Tag == "text" {
			e.Text = child.Text()
		} else {
			e.Condition = child.Tag
		}
	}
	return e
}
