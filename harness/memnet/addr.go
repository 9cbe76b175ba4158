package memnet

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
)

func isNetwork(s string) bool {
	return slices.Contains([]string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"}, s)
}

// addrPort returns the address of package netip, without an IPv4 address inside
// an IPv6 one.
func addrPort(addr net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch a := addr.(type) {
	case *net.TCPAddr:
		at = a.AddrPort()
	case *net.UDPAddr:
		at = a.AddrPort()
	default:
		at, _ = netip.ParseAddrPort(addr.String())
	}
	ip := at.Addr().Unmap()
	if !ip.IsValid() {
		ip = netip.IPv6Unspecified() // as a nil IP in package net
	}
	return netip.AddrPortFrom(ip, at.Port())
}

// resolve reads "host:port" and gives the errors that package net does. There
// is no name service: besides addresses it knows "localhost" and "" (any).
func resolve(network, addr string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return netip.AddrPort{}, &net.DNSError{Err: "unknown port", Name: network + "/" + service, IsNotFound: true}
	}
	if port < 0 || port > 65535 {
		return netip.AddrPort{}, &net.AddrError{Err: "invalid port", Addr: service}
	}
	ip, err := resolveHost(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if v := network[len(network)-1]; v == '4' && !ip.Is4() && !ip.IsUnspecified() || v == '6' && ip.Is4() {
		return netip.AddrPort{}, &net.AddrError{Err: "no suitable address found", Addr: host}
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

func resolveHost(host string) (netip.Addr, error) {
	switch host {
	case "", "0.0.0.0":
		return netip.IPv6Unspecified(), nil
	case "localhost":
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ip, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return ip.Unmap(), nil
}

// reachable turns "every address" into one that can be sent to, as the kernel does.
func reachable(at netip.AddrPort) netip.AddrPort {
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return at
}

// find returns who is bound to the address, or to every address.
func find[T any](bound map[netip.AddrPort]T, at netip.AddrPort) (T, bool) {
	if v, ok := bound[at]; ok {
		return v, true
	}
	if at.Addr().IsUnspecified() {
		for b, v := range bound {
			if b.Port() == at.Port() {
				return v, true
			}
		}
	}
	v, ok := bound[netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())]
	return v, ok
}
