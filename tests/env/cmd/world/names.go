package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// domain is that of the registries of a world with a node: containerd trusts "localhost" without TLS, a name it does not.
const domain = ".world.test"

var hosts = []string{"basic", "bearer", "open", "plain", "token", "untrusted", "failing", "storage", "gone"}

// proxied is the host to which a node connects through a proxy. It is not in domain, which needs none.
const proxied = "proxied.test"

func hostsFile() string {
	var text strings.Builder
	text.WriteString("127.0.0.1 localhost\n")
	for _, host := range hosts {
		text.WriteString("127.0.0.1 " + host + domain + "\n")
	}
	return text.String()
}

// slot is a number that no other world with a node on this machine has. What a node shares with the machine is named
// after it: a bridge, its addresses, the address of the resolver, control groups.
type slot int

const slots = 16

// takeSlot finds a free one. It is free again when the file is closed in every process, however they end.
func takeSlot() (slot, *os.File, error) {
	for number := range slots {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("@docker-pull-secret-operator-node-%d", number)})
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		lock, err := listener.File()
		return slot(number), lock, errors.Join(err, listener.Close())
	}
	return 0, nil, fmt.Errorf("%d worlds with a node run on this machine already", slots)
}

func (s slot) bridge() string { return fmt.Sprintf("worldnode%d", s) }

func (s slot) group() string { return fmt.Sprintf("world-node-%d", s) }

// clusterCIDR is a part of the range for benchmarks of networks, which no real network uses.
func (s slot) clusterCIDR() string { return fmt.Sprintf("198.18.%d.0/20", 16*s) }

// podCIDR is what the controller manager gives to the first node.
func (s slot) podCIDR() string { return fmt.Sprintf("198.18.%d.0/24", 16*s) }

// gateway is the machine, as pods see it.
func (s slot) gateway() string { return fmt.Sprintf("198.18.%d.1", 16*s) }

// serviceCIDR is the half of podCIDR that pods do not get. Its first address is that of the Service "kubernetes", and of
// the gateway: no service proxy is needed.
func (s slot) serviceCIDR() string { return fmt.Sprintf("198.18.%d.0/25", 16*s) }

func (s slot) firstPod() string { return fmt.Sprintf("198.18.%d.128", 16*s) }

// resolver is the DNS server of the node, which finds the registries in its hosts file.
func (s slot) resolver() string { return fmt.Sprintf("127.0.53.%d", s+1) }
