package jsonata

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// statesFunctions holds what Step Functions adds to JSONata.
//
// Source: Step Functions Developer Guide, "JSONata functions provided by Step
// Functions".
var statesFunctions = table(
	define("partition", "<an:a>", 2, fnPartition),
	define("range", "<nnn:a>", 3, fnRange),
	define("hash", "<xs:s>", 2, fnHash),
	define("random", "<n?:n>", 1, fnSeededRandom),
	define("uuid", "<:s>", 0, fnUUID),
	define("parse", "<s:x>", 1, fnParse),
)

func fnPartition(c *callContext, args []value) (value, error) {
	if !args[0].defined() || !args[1].defined() {
		return value{}, nil
	}
	size := math.Floor(args[1].num + 0.5)
	if size < 1 {
		return value{}, fault("D3201", -1, "partition", args[1], "The chunk size of the $partition() function must be positive")
	}
	items := args[0].items()
	if err := c.alloc(2 * len(items)); err != nil {
		return value{}, err
	}
	step := int(min(size, float64(len(items))))
	chunks := []value{}
	for i := 0; i < len(items); i += step {
		end := min(i+step, len(items))
		chunks = append(chunks, plain(items[i:end:end]))
	}
	return sequenceOf(chunks), nil
}

const maxRangeElements = 1000

// fnRange counts from the first number to the last one, both included. As any
// sequence, a range of one number is that number.
func fnRange(_ *callContext, args []value) (value, error) {
	for _, a := range args {
		if !a.defined() {
			return value{}, nil
		}
	}
	first, last, step := args[0].num, args[1].num, args[2].num
	if step == 0 {
		return value{}, fault("D3201", -1, "range", args[2], "The step of the $range() function must not be zero")
	}
	var items []value
	for i := 0; ; i++ {
		n := first + float64(i)*step
		if step > 0 && n > last || step < 0 && n < last || math.IsNaN(n) {
			return sequenceOf(items), nil
		}
		if i == maxRangeElements {
			return value{}, fault("D3201", -1, "range", value{}, fmt.Sprintf("The $range() function must not make more than %d elements", maxRangeElements))
		}
		items = append(items, number(n))
	}
}

func fnHash(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	data := args[0].str
	if args[0].kind != stringKind {
		var err error
		if data, err = c.print(args[0], false); err != nil {
			return value{}, err
		}
	}
	var h hash.Hash
	switch args[1].str {
	case "MD5":
		h = md5.New()
	case "SHA-1":
		h = sha1.New()
	case "SHA-256":
		h = sha256.New()
	case "SHA-384":
		h = sha512.New384()
	case "SHA-512":
		h = sha512.New()
	default:
		return value{}, fault("D3201", -1, "hash", args[1], "The algorithm of the $hash() function must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512")
	}
	h.Write([]byte(data))
	return text(hex.EncodeToString(h.Sum(nil))), nil
}

// fnSeededRandom is $random: with a seed, the same number each time.
func fnSeededRandom(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return number(c.draw()), nil
	}
	return number(rand.New(rand.NewPCG(math.Float64bits(args[0].num), 0)).Float64()), nil
}

func fnUUID(c *callContext, _ []value) (value, error) {
	if c.env.UUID != nil {
		return text(c.env.UUID()), nil
	}
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(c.draw() * 256)
	}
	raw[6] = raw[6]&0x0F | 0x40 // version 4
	raw[8] = raw[8]&0x3F | 0x80 // the variant of RFC 9562
	s := hex.EncodeToString(raw[:])
	return text(s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]), nil
}

func fnParse(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	v, err := jsonvalue.Parse(args[0].str)
	if err != nil {
		return value{}, fault("D3200", -1, "parse", value{}, err.Error())
	}
	if v.Literal() == "-0" {
		v = jsonvalue.Int(0) // as Step Functions does
	}
	return fromJSON(v), c.allocBytes(4 * v.Size())
}
