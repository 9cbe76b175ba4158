//go:build solution

// Package define holds the next version of a protocol whose clients are in the
// field (protobuf, language guide). It is written in pods.proto, beside
// before.proto, which those clients were made from.
package define

import _ "embed"

// Proto is the text of pods.proto.
//
//go:embed pods.proto
var Proto string
