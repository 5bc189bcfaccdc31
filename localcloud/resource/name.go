package resource

import (
	"crypto/sha256"
	"strings"
)

// random is how many characters of a made-up name are chance.
const random = 12

const (
	digits = "0123456789"
	small  = "abcdefghijklmnopqrstuvwxyz"
	large  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// named returns the name that the template gives by a property, or one that is
// made up.
func (c *call) named(k kind) string {
	if c.has(k.name) {
		return c.text(k.name)
	}
	return c.invented(k.longest, k.lower)
}

// invented returns a name such as STACK-LOGICALID-A1B2C3D4E5F6, of at most so
// many characters. The last part is made of the operation's token: the same
// operation invents the same name.
func (c *call) invented(longest int, lower bool) string {
	alphabet := digits + large + small
	head := c.StackName + "-" + c.LogicalID
	if lower {
		alphabet = digits + small
		head = strings.ToLower(head)
	}
	tail := "-" + chance(c.Token+" "+c.LogicalID, alphabet)
	if longest > 0 {
		head = strings.TrimRight(head[:min(len(head), longest-len(tail))], "-")
	}
	return head + tail
}

// chance returns characters of an alphabet that look random, and are the same
// for the same seed.
func chance(seed, alphabet string) string {
	sum := sha256.Sum256([]byte(seed))
	out := make([]byte, random)
	for i := range out {
		out[i] = alphabet[int(sum[i])%len(alphabet)]
	}
	return string(out)
}
