package sfn

import (
	"encoding/base64"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// defaultPage is how many items a list shows when it is not told, and
// tokenLife how long the way to its next page is good for.
//
// Source: API reference, maxResults and nextToken.
const (
	defaultPage = 100
	tokenLife   = 24 * time.Hour
)

// A page is what a list was asked for.
type page struct {
	size  int
	after string // where the page before ended; empty on the first page
	about string // what the token is good for
	until time.Time
}

// page reads the paging parameters of a list. about is every other parameter:
// a token is good for the list it came from alone.
func (s *Service) page(operation, about string, size *int32, token *string) (page, error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(operation + "\n" + about)) // a hash takes everything
	now := s.clock.Now()
	p := page{
		size:  defaultPage,
		about: strconv.FormatUint(h.Sum64(), 36),
		until: now.Add(tokenLife),
	}
	if size != nil && *size > 0 {
		p.size = int(*size)
	}
	if token == nil {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	parts := strings.SplitN(string(text), " ", 3)
	if err != nil || len(parts) != 3 || parts[0] != p.about {
		return p, errInvalidToken
	}
	until, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil || now.Unix() > until {
		return p, errInvalidToken
	}
	p.after = parts[2]
	return p, nil
}

var errInvalidToken = sfnapi.NewInvalidToken("Invalid Token: 'Invalid token'")

// next returns the token of the page after the one that ended at last.
func (p page) next(last string) *string {
	token := base64.RawURLEncoding.EncodeToString([]byte(
		p.about + " " + strconv.FormatInt(p.until.Unix(), 36) + " " + last))
	return &token
}
