package template

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// cidr evaluates Fn::Cidr: count blocks of subnetBits host bits each, from the
// beginning of an IPv4 or IPv6 block.
func (e *evaluator) cidr(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if argument.Kind() != jsonvalue.KindArray || argument.Len() < 2 || argument.Len() > 3 {
		return jsonvalue.Value{}, e.fail(messageCidr)
	}
	for item := range argument.Elements() {
		if isUnknown(item) {
			return item, nil
		}
	}
	address, width, prefix, ok := parseBlock(argument.At(0).Text())
	count, err := strconv.Atoi(argument.At(1).Text())
	if !ok || err != nil || count < 1 || count > 256 {
		return jsonvalue.Value{}, e.fail(messageCidr)
	}
	bits := 8
	if argument.Len() == 3 {
		if bits, err = strconv.Atoi(argument.At(2).Text()); err != nil {
			return jsonvalue.Value{}, e.fail(messageCidr)
		}
	}
	room := width - prefix - bits
	if bits < 1 || room < 0 || room < 9 && count > 1<<room {
		return jsonvalue.Value{}, e.fail("Template error: Fn::Cidr cannot make %d blocks of %d bits in %s", count, bits, argument.At(0).Text())
	}
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	var b jsonvalue.ArrayBuilder
	for range count {
		block, err := e.produce(formatBlock(address, width, width-bits))
		if err != nil {
			return block, err
		}
		b.Append(block)
		address.Add(address, step)
	}
	return b.Value(), nil
}

// parseBlock reads 10.0.0.0/16 or 2001:db8::/56. The address is that of the block's
// beginning, width 32 or 128.
func parseBlock(s string) (address *big.Int, width, prefix int, ok bool) {
	host, length, found := strings.Cut(s, "/")
	prefix, err := strconv.Atoi(length)
	if !found || err != nil {
		return nil, 0, 0, false
	}
	var groups []string
	base, size := 10, 8
	if strings.Contains(host, ":") {
		base, size = 16, 16
		head, tail, shortened := strings.Cut(host, "::")
		groups = splitGroups(head)
		if shortened {
			last := splitGroups(tail)
			for len(groups)+len(last) < 8 {
				groups = append(groups, "0")
			}
			groups = append(groups, last...)
		}
		width = 128
	} else {
		groups = strings.Split(host, ".")
		width = 32
	}
	if len(groups)*size != width || prefix < 0 || prefix > width {
		return nil, 0, 0, false
	}
	address = new(big.Int)
	for _, group := range groups {
		n, err := strconv.ParseUint(group, base, size)
		if err != nil {
			return nil, 0, 0, false
		}
		address.Lsh(address, uint(size)).Or(address, new(big.Int).SetUint64(n))
	}
	host0 := uint(width - prefix)
	address.Rsh(address, host0).Lsh(address, host0)
	return address, width, prefix, true
}

func splitGroups(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ":")
}

func formatBlock(address *big.Int, width, prefix int) string {
	octets := address.FillBytes(make([]byte, width/8))
	var groups []string
	separator := "."
	if width == 32 {
		for _, octet := range octets {
			groups = append(groups, strconv.Itoa(int(octet)))
		}
	} else {
		separator = ":"
		for i := 0; i < len(octets); i += 2 {
			groups = append(groups, strconv.FormatUint(uint64(octets[i])<<8|uint64(octets[i+1]), 16))
		}
		// As AWS writes them, the zeros at the end are one double colon.
		n := len(groups)
		for n > 0 && groups[n-1] == "0" {
			n--
		}
		if len(groups)-n > 1 {
			groups = append(groups[:n:n], "", "")
			if n == 0 {
				groups = append(groups, "")
			}
		}
	}
	return strings.Join(groups, separator) + "/" + strconv.Itoa(prefix)
}
