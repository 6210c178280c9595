package main

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// serveNames is a DNS server that knows the registries as pods reach them, and says of any other name at once that there
// is none. Without it a name would end in a timeout where there is no DNS, and in the internet where there is.
func serveNames(address string, known map[string]netip.Addr) error {
	// Port 53 is the only one that resolv.conf can name.
	socket, err := listenPacketBeforehand(address + ":53")
	if err != nil {
		return err
	}
	go func() {
		query := make([]byte, 1024)
		for {
			size, peer, err := socket.ReadFrom(query)
			if err != nil {
				return
			}
			if answer, err := answerTo(query[:size], known); err == nil {
				_, _ = socket.WriteTo(answer, peer)
			}
		}
	}()
	return nil
}

func answerTo(query []byte, known map[string]netip.Addr) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	address, ok := known[strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))]
	if !ok {
		answer.RCode = dnsmessage.RCodeNameError
	} else if question.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, TTL: 5},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	return answer.Pack()
}

// podNames are what pods know: every registry is at the gateway.
func podNames(s slot) map[string]netip.Addr {
	known := map[string]netip.Addr{}
	for host := range slices.Values(hosts) {
		known[host+domain] = netip.MustParseAddr(s.gateway())
	}
	return known
}
