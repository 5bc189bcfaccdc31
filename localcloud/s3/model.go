package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"
)

// The kinds of the service's records.
const (
	recordBucket = "s3.bucket"
	recordObject = "s3.object"
	recordUpload = "s3.upload"
	recordPart   = "s3.part"
)

// A bucket holds objects by key.
type bucket struct {
	Name    string    `json:"name"`
	Region  string    `json:"region"`
	Account string    `json:"account"`
	Created time.Time `json:"created"`

	objects map[string]*object
	sorted  []string // the keys in order; nil when they have changed
}

// keysInOrder returns the keys in the order of their bytes. The service's mu is
// held for writing.
func (b *bucket) keysInOrder() []string {
	if b.sorted == nil {
		b.sorted = make([]string, 0, len(b.objects))
		for key := range b.objects {
			b.sorted = append(b.sorted, key)
		}
		slices.Sort(b.sorted)
	}
	return b.sorted
}

// A blob is some bytes in the store.
type blob struct {
	ID   string `json:"id"`
	Size int64  `json:"size"`
}

// An object is what a key stands for. It never changes.
type object struct {
	Bucket   string    `json:"bucket"`
	Key      string    `json:"key"`
	Blobs    []blob    `json:"blobs"` // its bytes, in this order
	Size     int64     `json:"size"`
	ETag     string    `json:"etag"` // with quotes
	Modified time.Time `json:"modified"`
	Checksum checksum  `json:"checksum"`
	// Parts says that the object was uploaded in parts, which are its blobs.
	Parts bool `json:"parts,omitempty"`
	traits
}

// traits are what a client says of an object.
type traits struct {
	ContentType        *string           `json:"contentType,omitempty"`
	ContentEncoding    *string           `json:"contentEncoding,omitempty"`
	ContentLanguage    *string           `json:"contentLanguage,omitempty"`
	ContentDisposition *string           `json:"contentDisposition,omitempty"`
	CacheControl       *string           `json:"cacheControl,omitempty"`
	Expires            *string           `json:"expires,omitempty"`
	Redirect           *string           `json:"redirect,omitempty"`
	StorageClass       *string           `json:"storageClass,omitempty"` // nil for STANDARD
	Metadata           map[string]string `json:"metadata,omitempty"`
	Tags               *string           `json:"tags,omitempty"` // as the header has them
}

// An upload is an object that comes in parts.
type upload struct {
	ID        string    `json:"id"`
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	Initiated time.Time `json:"initiated"`
	Account   string    `json:"account"`
	// Algorithm and Whole say what checksum the object gets: of its parts'
	// checksums, or of the whole.
	Algorithm string `json:"algorithm"`
	Whole     bool   `json:"whole"`
	traits

	mu    sync.Mutex // held while a part or the end is saved
	ended bool       // of mu
	parts map[int32]*part
}

// A part is one of an upload. It never changes.
type part struct {
	Upload   string    `json:"upload"`
	Number   int32     `json:"number"`
	Blob     blob      `json:"blob"`
	ETag     string    `json:"etag"`
	Modified time.Time `json:"modified"`
	Checksum checksum  `json:"checksum"`
}

// objectID is the key of an object's record. A bucket's name has no slash.
func objectID(bucket, key string) string { return bucket + "/" + key }

// partID is the key of a part's record.
func partID(upload string, number int32) string {
	return upload + "/" + string(appendNumber(nil, number))
}

// canonicalID is an account's id in S3.
func canonicalID(account string) string {
	sum := sha256.Sum256([]byte(account))
	return hex.EncodeToString(sum[:])
}

// validBucketName says whether a bucket may have the name.
//
// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
func validBucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (c != '-' && c != '.' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	return true
}
