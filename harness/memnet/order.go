//go:build !race

package memnet

// order numbers events of one instant.
func (n *Network) order() uint64 { return n.counter.Add(1) }
