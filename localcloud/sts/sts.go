// Package sts is the local Security Token Service: it says who a caller is and
// hands out temporary credentials. Nobody is refused: any role may be assumed,
// whether IAM knows it or not.
//
// A caller without a session of this service is the root user of its account.
// AccountOf tells package wire which account a temporary key belongs to, so that
// what is done with an assumed role of another account happens there.
package sts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/stsapi"
)

// A Config is what the service needs from outside. Its zero value works.
type Config struct {
	// Clock tells when sessions end; nil means the machine's.
	Clock clock.Clock
	// Rand makes keys; nil means the machine's secure source.
	Rand io.Reader
	// RoleID returns the id of a role by its ARN, such as "AROA...", or "" if it
	// is not known; nil knows none.
	RoleID func(roleARN string) string
	// Save keeps all sessions, as Restore reads them. It is called with each
	// change, before the answer, one call at a time; its error becomes the
	// answer. Nil keeps nothing.
	Save func(snapshot []byte) error
}

// A Service is the state of STS: the sessions that have not ended.
type Service struct {
	config Config

	mu       sync.Mutex
	sessions map[string]session // by access key id
	lasting  map[string]session // likewise; they end with the service and are not kept
}

// A session is what temporary credentials stand for.
type session struct {
	Account string    `json:"account"`
	ARN     string    `json:"arn"`
	UserID  string    `json:"userId"`
	Expires time.Time `json:"expires"`
}

// New returns a service without sessions.
func New(config Config) *Service {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	if config.Rand == nil {
		config.Rand = rand.Reader
	}
	if config.RoleID == nil {
		config.RoleID = func(string) string { return "" }
	}
	if config.Save == nil {
		config.Save = func([]byte) error { return nil }
	}
	return &Service{config: config, sessions: map[string]session{}, lasting: map[string]session{}}
}

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &stsapi.Service, Rows: []wire.Row{
		wire.Op(stsapi.AssumeRole, s.assumeRole),
		wire.Op(stsapi.GetAccessKeyInfo, s.getAccessKeyInfo),
		wire.Op(stsapi.GetCallerIdentity, s.getCallerIdentity),
		wire.Op(stsapi.GetFederationToken, s.getFederationToken),
		wire.Op(stsapi.GetSessionToken, s.getSessionToken),
	}}
}

// AccountOf returns the account that temporary credentials of this service
// belong to, or "" for keys that it did not make.
func (s *Service) AccountOf(accessKey string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who, ok := s.lasting[accessKey]; ok {
		return who.Account
	}
	return s.sessions[accessKey].Account
}

// identity returns who the caller is.
func (s *Service) identity(ctx context.Context) (session, error) {
	c := wire.CallerFrom(ctx)
	s.mu.Lock()
	known, ok := s.sessions[c.AccessKey]
	lasting, lasts := s.lasting[c.AccessKey]
	s.mu.Unlock()
	if lasts {
		return lasting, nil
	}
	if !ok {
		return session{Account: c.Account, ARN: "arn:" + c.Partition + ":iam::" + c.Account + ":root", UserID: c.Account}, nil
	}
	if !s.config.Clock.Now().Before(known.Expires) {
		return session{}, &wire.Error{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: 403}
	}
	return known, nil
}

func (s *Service) getCallerIdentity(ctx context.Context, _ *stsapi.GetCallerIdentityRequest) (*stsapi.GetCallerIdentityResponse, error) {
	who, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	return &stsapi.GetCallerIdentityResponse{Account: &who.Account, Arn: &who.ARN, UserId: &who.UserID}, nil
}

// The durations of sessions that name none, in seconds.
const (
	defaultRoleSeconds  = 3600
	defaultTokenSeconds = 43200
)

func (s *Service) assumeRole(ctx context.Context, in *stsapi.AssumeRoleRequest) (*stsapi.AssumeRoleResponse, error) {
	if _, err := s.identity(ctx); err != nil {
		return nil, err
	}
	role, err := arn.Parse(in.RoleArn)
	if err != nil || role.Service != "iam" || !strings.HasPrefix(role.Resource, "role/") || len(role.Account) != 12 {
		return nil, wire.NewValidationError("Request ARN is invalid")
	}
	// The path of a role is no part of its session's name.
	name := role.Resource[strings.LastIndexByte(role.Resource, '/')+1:]
	id := s.roleID(in.RoleArn)
	user := stsapi.AssumedRoleUser{
		Arn:           "arn:" + role.Partition + ":sts::" + role.Account + ":assumed-role/" + name + "/" + in.RoleSessionName,
		AssumedRoleId: id + ":" + in.RoleSessionName,
	}
	keys, err := s.open(session{Account: role.Account, ARN: user.Arn, UserID: user.AssumedRoleId}, in.DurationSeconds, defaultRoleSeconds)
	if err != nil {
		return nil, err
	}
	return &stsapi.AssumeRoleResponse{Credentials: keys, AssumedRoleUser: &user, SourceIdentity: in.SourceIdentity}, nil
}

// Session returns credentials of a role's session for code that runs in an
// account, as long as the service is there. Whatever account the role is of, its
// session acts in the account of the code. The same names give the same session.
func (s *Service) Session(account, partition, roleARN, name string) (*stsapi.Credentials, error) {
	role := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	id := s.roleID(roleARN)
	who := session{
		Account: account, UserID: id + ":" + name,
		ARN: "arn:" + partition + ":sts::" + account + ":assumed-role/" + role + "/" + name,
	}
	sum := sha256.Sum256([]byte(who.ARN + who.UserID))
	key, err := newKey(account, [10]byte(sum[:10]))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasting[key] = who
	return &stsapi.Credentials{
		AccessKeyId:     key,
		SecretAccessKey: base64.StdEncoding.EncodeToString(sum[:30]),
		SessionToken:    base64.StdEncoding.EncodeToString(sum[2:]),
	}, nil
}

// roleID returns the id of a role; one that IAM does not know has the same id
// each time, too.
func (s *Service) roleID(roleARN string) string {
	if id := s.config.RoleID(roleARN); id != "" {
		return id
	}
	sum := sha256.Sum256([]byte(roleARN))
	return "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

func (s *Service) getSessionToken(ctx context.Context, in *stsapi.GetSessionTokenRequest) (*stsapi.GetSessionTokenResponse, error) {
	who, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.open(who, in.DurationSeconds, defaultTokenSeconds)
	if err != nil {
		return nil, err
	}
	return &stsapi.GetSessionTokenResponse{Credentials: keys}, nil
}

func (s *Service) getFederationToken(ctx context.Context, in *stsapi.GetFederationTokenRequest) (*stsapi.GetFederationTokenResponse, error) {
	who, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	user := stsapi.FederatedUser{
		Arn:             "arn:" + wire.CallerFrom(ctx).Partition + ":sts::" + who.Account + ":federated-user/" + in.Name,
		FederatedUserId: who.Account + ":" + in.Name,
	}
	keys, err := s.open(session{Account: who.Account, ARN: user.Arn, UserID: user.FederatedUserId}, in.DurationSeconds, defaultTokenSeconds)
	if err != nil {
		return nil, err
	}
	return &stsapi.GetFederationTokenResponse{Credentials: keys, FederatedUser: &user}, nil
}

func (s *Service) getAccessKeyInfo(_ context.Context, in *stsapi.GetAccessKeyInfoRequest) (*stsapi.GetAccessKeyInfoResponse, error) {
	account, ok := accountInKey(in.AccessKeyId)
	if !ok {
		return nil, wire.NewValidationError("The access key id " + in.AccessKeyId + " is not valid.")
	}
	return &stsapi.GetAccessKeyInfoResponse{Account: &account}, nil
}

// open starts a session and returns its credentials.
func (s *Service) open(who session, seconds *int32, defaultSeconds int32) (*stsapi.Credentials, error) {
	if seconds == nil {
		seconds = &defaultSeconds
	}
	// 10 bytes for the key's id, 30 for the secret, 96 for the token.
	var random [136]byte
	if _, err := io.ReadFull(s.config.Rand, random[:]); err != nil {
		return nil, fmt.Errorf("make credentials: %w", err)
	}
	key, err := newKey(who.Account, [10]byte(random[:10]))
	if err != nil {
		return nil, err
	}
	now := s.config.Clock.Now()
	who.Expires = now.Add(time.Duration(*seconds) * time.Second).UTC().Truncate(time.Second)
	if err := s.remember(key, who, now); err != nil {
		return nil, err
	}
	return &stsapi.Credentials{
		AccessKeyId:     key,
		SecretAccessKey: base64.StdEncoding.EncodeToString(random[10:40]),
		SessionToken:    base64.StdEncoding.EncodeToString(random[40:]),
		Expiration:      who.Expires,
	}, nil
}

// remember keeps a session, for good when there is a place for that.
func (s *Service) remember(key string, who session, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	s.sessions[key] = who
	snapshot, err := json.Marshal(s.sessions)
	if err != nil {
		return err
	}
	return s.config.Save(snapshot)
}

// remembered is how long ended sessions are kept, so that they are refused as
// ended and not taken for keys of somebody unknown.
const remembered = 24 * time.Hour

// drop forgets sessions that ended long ago.
func (s *Service) drop(now time.Time) {
	for key, who := range s.sessions {
		if now.Sub(who.Expires) > remembered {
			delete(s.sessions, key)
		}
	}
}

// newKey returns an access key id that has the account in it, as AWS's have: in
// the first 48 of the 80 bits after "ASIA", shifted by seven, the highest bit
// being unused.
func newKey(account string, random [10]byte) (string, error) {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", fmt.Errorf("make credentials: account %q is not a number of twelve digits", account)
	}
	bits := n<<7 | uint64(random[5]&0x7f)
	for i := range 6 {
		random[i] = byte(bits >> (40 - 8*i))
	}
	return "ASIA" + base32.StdEncoding.EncodeToString(random[:]), nil
}

// accountInKey returns the account in an access key id.
func accountInKey(key string) (string, bool) {
	if len(key) != 20 || !strings.HasPrefix(key, "AKIA") && !strings.HasPrefix(key, "ASIA") {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(key[4:])
	if err != nil {
		return "", false
	}
	var bits uint64
	for _, c := range b[:6] {
		bits = bits<<8 | uint64(c)
	}
	return fmt.Sprintf("%012d", bits&0x7fffffffff80>>7), true
}

// Restore replaces the sessions by those of a snapshot.
func (s *Service) Restore(snapshot []byte) error {
	sessions := map[string]session{}
	if err := json.Unmarshal(snapshot, &sessions); err != nil {
		return fmt.Errorf("restore sessions: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = sessions
	return nil
}
