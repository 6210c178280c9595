package main

import (
	"context"
	"io"
	"net"
	"syscall"
)

// beforehand lets a socket have the gateway's address, which is there with the first pod.
var beforehand = net.ListenConfig{Control: func(_, _ string, connection syscall.RawConn) error {
	var failed error
	err := connection.Control(func(descriptor uintptr) {
		failed = syscall.SetsockoptInt(int(descriptor), syscall.SOL_IP, syscall.IP_FREEBIND, 1)
	})
	if err == nil {
		err = failed
	}
	return err
}}

func listenPacketBeforehand(address string) (net.PacketConn, error) {
	return beforehand.ListenPacket(context.Background(), "udp4", address)
}

// openToPods serves at a port of the gateway what listens on loopback, which pods cannot reach.
func (s slot) openToPods(port, target string) error {
	listener, err := beforehand.Listen(context.Background(), "tcp4", net.JoinHostPort(s.gateway(), port))
	if err != nil {
		return err
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go pass(client, target)
		}
	}()
	return nil
}

func pass(client net.Conn, target string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	one := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.(*net.TCPConn).CloseWrite()
		done <- struct{}{}
	}
	go one(server, client)
	go one(client, server)
	<-done
	<-done
}
