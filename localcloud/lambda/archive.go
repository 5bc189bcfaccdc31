package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
)

// An Archive is a zip file with code: that of a function or of a layer. It is
// immutable, and kept once however many versions have it.
type Archive struct {
	// SHA256 is the base64 of the file's SHA-256, AWS's CodeSha256.
	SHA256 string
	// Size is the file's, in bytes.
	Size int64

	content []byte
	path    string // where the content is when it is not in memory
}

// NewArchive returns an archive in memory. It keeps zip.
func NewArchive(zip []byte) *Archive {
	sum := sha256.Sum256(zip)
	return &Archive{
		SHA256:  base64.StdEncoding.EncodeToString(sum[:]),
		Size:    int64(len(zip)),
		content: zip,
	}
}

// Bytes returns the zip file, which nobody may change. The error is that of
// reading it from disk.
func (a *Archive) Bytes() ([]byte, error) {
	if a.path == "" {
		return a.content, nil
	}
	content, err := os.ReadFile(a.path)
	if err != nil {
		return nil, fmt.Errorf("read the code %s: %w", a.SHA256, err)
	}
	return content, nil
}
