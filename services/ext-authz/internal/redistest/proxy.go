package redistest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Mode is what a Proxy does with the bytes that come back from Redis.
type Mode int

// The modes of a Proxy.
const (
	Pass    Mode = iota
	Stall        // takes connections and bytes, gives nothing back
	Trickle      // gives back one byte every 30 ms
	HangUp       // closes
)

// Proxy stands between a client and Redis.
type Proxy struct {
	Addr   string
	target string

	mu    sync.Mutex
	mode  Mode
	conns map[net.Conn]struct{}
}

// NewProxy passes everything until it is told otherwise.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), target: target, conns: map[net.Conn]struct{}{}}
	go p.accept(listener)
	t.Cleanup(func() {
		_ = listener.Close()
		p.Set(HangUp)
	})
	return p
}

// Set changes what happens, also on connections that are open.
func (p *Proxy) Set(mode Mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	if mode == HangUp {
		for connection := range p.conns {
			_ = connection.Close()
		}
	}
}

func (p *Proxy) current() Mode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go p.join(client)
	}
}

func (p *Proxy) join(client net.Conn) {
	defer p.forget(client)
	if !p.remember(client) {
		return
	}
	upstream, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(upstream)
	if !p.remember(upstream) {
		return
	}
	go func() {
		defer p.forget(client)
		p.copyBack(client, upstream)
	}()
	buffer := make([]byte, 4096)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := upstream.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *Proxy) copyBack(client, upstream net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := upstream.Read(buffer)
		if err != nil || !p.give(client, buffer[:n]) {
			return
		}
	}
}

// give withholds nothing but what the mode in force says, byte by byte.
func (p *Proxy) give(client net.Conn, data []byte) bool {
	for len(data) > 0 {
		n := len(data)
		switch p.current() {
		case HangUp:
			return false
		case Stall:
			time.Sleep(5 * time.Millisecond)
			continue
		case Trickle:
			time.Sleep(30 * time.Millisecond)
			n = 1
		case Pass:
		}
		if _, err := client.Write(data[:n]); err != nil {
			return false
		}
		data = data[n:]
	}
	return true
}

func (p *Proxy) remember(connection net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode == HangUp {
		return false
	}
	p.conns[connection] = struct{}{}
	return true
}

func (p *Proxy) forget(connection net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, connection)
	_ = connection.Close()
}
