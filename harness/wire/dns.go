package wire

// DNS dissects a DNS message. It takes any bytes: of a broken message it shows
// every field up to where it stops making sense, and Faults say why.
func DNS(msg []byte) Dissection {
	d := Bytes(msg)
	d.Protocol = "dns"
	return d
}
