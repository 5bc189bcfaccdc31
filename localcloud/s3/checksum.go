package s3

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// A checksum is one that S3 keeps with an object or a part.
type checksum struct {
	Algorithm string `json:"algorithm"`
	// Value is in base64; that of a composite one ends in "-" and the number of
	// parts.
	Value string `json:"value"`
	Type  string `json:"type"` // FULL_OBJECT or COMPOSITE
}

// The polynomials, in the reversed form that package hash wants.
const (
	polyCRC32     = uint64(crc32.IEEE)
	polyCRC32C    = uint64(crc32.Castagnoli)
	polyCRC64NVME = uint64(0x9a6c9329ac4bc9b5)
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(polyCRC64NVME)
)

// newHash returns the function of an algorithm; nil for one that is not here.
func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case s3api.ChecksumAlgorithmCrc32:
		return crc32.NewIEEE()
	case s3api.ChecksumAlgorithmCrc32c:
		return crc32.New(castagnoli)
	case s3api.ChecksumAlgorithmCrc64nvme:
		return crc64.New(nvme)
	case s3api.ChecksumAlgorithmSha1:
		return sha1.New()
	case s3api.ChecksumAlgorithmSha256:
		return sha256.New()
	case s3api.ChecksumAlgorithmSha512:
		return sha512.New()
	case s3api.ChecksumAlgorithmMd5:
		return md5.New()
	default:
		return nil
	}
}

// polynomial returns that of a CRC; 0 for other algorithms, whose values cannot
// be joined into that of the whole.
func polynomial(algorithm string) uint64 {
	switch algorithm {
	case s3api.ChecksumAlgorithmCrc32:
		return polyCRC32
	case s3api.ChecksumAlgorithmCrc32c:
		return polyCRC32C
	case s3api.ChecksumAlgorithmCrc64nvme:
		return polyCRC64NVME
	default:
		return 0
	}
}

// checksumMember is how requests and answers call the checksum of an algorithm:
// they have a member for each.
func checksumMember(algorithm string) string { return "Checksum" + algorithm }

// told returns an answer with a checksum in the member of its algorithm.
func told[T any](answer *T, c checksum) *T {
	if c.Value != "" {
		reflect.ValueOf(answer).Elem().FieldByName(checksumMember(c.Algorithm)).Set(reflect.ValueOf(&c.Value))
	}
	return answer
}

// kind returns the type, or nil without a checksum.
func (c checksum) kind() *string {
	if c.Value == "" {
		return nil
	}
	return &c.Type
}

// algorithms are those that the model knows; see newHash for those that are here.
var algorithms = []string{
	s3api.ChecksumAlgorithmCrc32, s3api.ChecksumAlgorithmCrc32c, s3api.ChecksumAlgorithmCrc64nvme,
	s3api.ChecksumAlgorithmSha1, s3api.ChecksumAlgorithmSha256, s3api.ChecksumAlgorithmSha512, s3api.ChecksumAlgorithmMd5,
	s3api.ChecksumAlgorithmXxhash64, s3api.ChecksumAlgorithmXxhash3, s3api.ChecksumAlgorithmXxhash128,
}

// sums are the checksums of a request, by algorithm.
type sums map[string]string

// sumsOf returns the checksums that a request states.
func sumsOf[T any](request *T) sums {
	given := sums{}
	members := reflect.ValueOf(request).Elem()
	for _, algorithm := range algorithms {
		if value, _ := members.FieldByName(checksumMember(algorithm)).Interface().(*string); value != nil {
			given[algorithm] = *value
		}
	}
	return given
}

// stated returns the checksum that the sender announced, with an empty value if
// it comes after the bytes. Without one the algorithm is that which was asked for,
// or S3's own.
func stated(given sums, algorithm *string, trailer http.Header) (checksum, error) {
	c := checksum{Type: s3api.ChecksumTypeFullObject}
	for name, value := range given {
		if c.Algorithm != "" {
			return c, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c.Algorithm, c.Value = name, value
	}
	for header := range trailer {
		if name, ok := strings.CutPrefix(header, "X-Amz-Checksum-"); ok && c.Algorithm == "" {
			c.Algorithm = strings.ToUpper(name)
		}
	}
	if c.Algorithm == "" && algorithm != nil {
		c.Algorithm = strings.ToUpper(*algorithm)
	}
	if c.Algorithm == "" {
		c.Algorithm = s3api.ChecksumAlgorithmCrc64nvme
	}
	if newHash(c.Algorithm) == nil {
		return c, notHere("check the checksum algorithm " + c.Algorithm)
	}
	return c, nil
}

// received is what came of a body that was read to its end.
type received struct {
	blob     blob
	md5      string // hexadecimal
	checksum checksum
}

// receive writes a body into a new blob and checks it. On an error nothing is
// left of it.
func (s *Service) receive(body io.Reader, trailer http.Header, want checksum, contentMD5 *string) (received, error) {
	var r received
	draft, err := s.store.create()
	if err != nil {
		return r, err
	}
	defer draft.discard()
	digest, sum := md5.New(), newHash(want.Algorithm)
	n, err := io.Copy(io.MultiWriter(draft, digest, sum), body)
	if err != nil {
		return r, err
	}
	r.md5 = hex.EncodeToString(digest.Sum(nil))
	if contentMD5 != nil {
		given, err := base64.StdEncoding.DecodeString(*contentMD5)
		if err != nil || len(given) != md5.Size {
			return r, refused(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
		if hex.EncodeToString(given) != r.md5 {
			return r, badDigest("The Content-MD5 you specified did not match what we received.")
		}
	}
	r.checksum = checksum{Algorithm: want.Algorithm, Value: base64.StdEncoding.EncodeToString(sum.Sum(nil)), Type: want.Type}
	given := want.Value
	if given == "" {
		given = trailer.Get("X-Amz-Checksum-" + want.Algorithm)
	}
	if given != "" && given != r.checksum.Value {
		return r, wrongChecksum(want.Algorithm)
	}
	r.blob.Size = n
	if r.blob.ID, err = draft.commit(); err != nil {
		return r, err
	}
	s.retain(r.blob)
	return r, nil
}

func wrongChecksum(algorithm string) *wire.Error {
	return badDigest("The " + algorithm + " you specified did not match the calculated checksum.")
}

// checksumOf computes another checksum of a blob.
func (s *Service) checksumOf(b blob, algorithm string) (checksum, error) {
	in, err := s.store.open(b.ID)
	if err != nil {
		return checksum{}, err
	}
	defer in.Close()
	h := newHash(algorithm)
	if _, err := io.Copy(h, in); err != nil {
		return checksum{}, err
	}
	return checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(h.Sum(nil)), Type: s3api.ChecksumTypeFullObject}, nil
}

// joined returns the checksum of an object from those of its parts.
func joined(algorithm string, whole bool, parts []*part) checksum {
	c := checksum{Algorithm: algorithm, Type: s3api.ChecksumTypeComposite}
	if !whole {
		h := newHash(algorithm)
		for _, p := range parts {
			value, _ := base64.StdEncoding.DecodeString(p.Checksum.Value) // it was computed here
			h.Write(value)
		}
		c.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
		return c
	}
	c.Type = s3api.ChecksumTypeFullObject
	poly := polynomial(algorithm)
	var sum uint64
	for _, p := range parts {
		value, _ := base64.StdEncoding.DecodeString(p.Checksum.Value)
		sum = joinCRC(poly, sum, bigEndian(value), p.Blob.Size)
	}
	value := binary.BigEndian.AppendUint64(nil, sum)
	c.Value = base64.StdEncoding.EncodeToString(value[8-newHash(algorithm).Size():])
	return c
}

func bigEndian(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// joinCRC returns the CRC of two texts, one after the other, from the CRC of each
// and the length of the second in bytes. A CRC is linear: that of the first is
// carried over the second's bits as if those were zero, by squaring the operator
// for one zero bit, and the second's is added.
func joinCRC(poly, first, second uint64, length int64) uint64 {
	var operator, square [64]uint64
	operator[0] = poly
	for i := 1; i < 64; i++ {
		operator[i] = 1 << (i - 1)
	}
	apply := func(m *[64]uint64, v uint64) uint64 {
		var sum uint64
		for i := 0; v != 0; i, v = i+1, v>>1 {
			if v&1 != 0 {
				sum ^= m[i]
			}
		}
		return sum
	}
	double := func() {
		for i := range operator {
			square[i] = apply(&operator, operator[i])
		}
		operator = square
	}
	for range 3 { // one bit to one byte
		double()
	}
	for ; length > 0; length >>= 1 {
		if length&1 != 0 {
			first = apply(&operator, first)
		}
		double()
	}
	return first ^ second
}

// appendNumber appends a part's number.
func appendNumber(b []byte, n int32) []byte { return strconv.AppendInt(b, int64(n), 10) }
