// Package iam is as much of the local Identity and Access Management as the
// other services' users need: roles with their policies, and managed policies.
// They are records. Nothing is ever refused because of what a policy says.
//
// AWS's own managed policies (arn:aws:iam::aws:policy/...) may be attached
// whatever they are called; they have no documents here.
package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/iamapi"
)

// A Config is what the service needs from outside. Its zero value works.
type Config struct {
	// Clock stamps what is created; nil means the machine's.
	Clock clock.Clock
	// Rand makes ids; nil means the machine's secure source.
	Rand io.Reader
	// Save keeps all roles and policies, as Restore reads them. It is called
	// with each change, before the answer, one call at a time; its error becomes
	// the answer. Nil keeps nothing.
	Save func(snapshot []byte) error
}

// A Service is the state of IAM: the roles and policies of each account. They
// are the same in all regions.
type Service struct {
	config Config

	mu       sync.Mutex
	accounts map[string]*account
}

// An account is what one account has.
type account struct {
	Roles    map[string]*role   `json:"roles"`    // by name
	Policies map[string]*policy `json:"policies"` // by ARN; AWS's own too, once attached
}

type role struct {
	Name               string            `json:"name"`
	Path               string            `json:"path"`
	ID                 string            `json:"id"`
	ARN                string            `json:"arn"`
	Created            time.Time         `json:"created"`
	Trust              string            `json:"trust"` // the document that says who may assume the role
	Description        *string           `json:"description,omitempty"`
	MaxSessionDuration int32             `json:"maxSessionDuration"` // seconds
	Boundary           string            `json:"boundary,omitempty"` // ARN of a policy
	Tags               map[string]string `json:"tags,omitempty"`
	Inline             map[string]string `json:"inline,omitempty"`   // documents by name
	Attached           []string          `json:"attached,omitempty"` // ARNs of policies, oldest first
}

type policy struct {
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	ID          string            `json:"id"`
	ARN         string            `json:"arn"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
	Description *string           `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	AWS         bool              `json:"aws,omitempty"` // one of AWS's own
	Default     int               `json:"default"`       // number of the version in force
	Last        int               `json:"last"`          // number of the newest version ever
	Versions    []version         `json:"versions"`      // oldest first
}

type version struct {
	Number   int       `json:"number"`
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

// New returns a service without roles and policies.
func New(config Config) *Service {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	if config.Rand == nil {
		config.Rand = rand.Reader
	}
	if config.Save == nil {
		config.Save = func([]byte) error { return nil }
	}
	return &Service{config: config, accounts: map[string]*account{}}
}

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &iamapi.Service, Rows: []wire.Row{
		wire.Op(iamapi.AttachRolePolicy, s.attachRolePolicy),
		wire.Op(iamapi.CreatePolicy, s.createPolicy),
		wire.Op(iamapi.CreatePolicyVersion, s.createPolicyVersion),
		wire.Op(iamapi.CreateRole, s.createRole),
		wire.Op(iamapi.DeletePolicy, s.deletePolicy),
		wire.Op(iamapi.DeletePolicyVersion, s.deletePolicyVersion),
		wire.Op(iamapi.DeleteRole, s.deleteRole),
		wire.Op(iamapi.DeleteRolePermissionsBoundary, s.deleteRolePermissionsBoundary),
		wire.Op(iamapi.DeleteRolePolicy, s.deleteRolePolicy),
		wire.Op(iamapi.DetachRolePolicy, s.detachRolePolicy),
		wire.Op(iamapi.GetPolicy, s.getPolicy),
		wire.Op(iamapi.GetPolicyVersion, s.getPolicyVersion),
		wire.Op(iamapi.GetRole, s.getRole),
		wire.Op(iamapi.GetRolePolicy, s.getRolePolicy),
		wire.Op(iamapi.ListAttachedRolePolicies, s.listAttachedRolePolicies),
		wire.Op(iamapi.ListInstanceProfilesForRole, s.listInstanceProfilesForRole),
		wire.Op(iamapi.ListPolicies, s.listPolicies),
		wire.Op(iamapi.ListPolicyVersions, s.listPolicyVersions),
		wire.Op(iamapi.ListRolePolicies, s.listRolePolicies),
		wire.Op(iamapi.ListRoleTags, s.listRoleTags),
		wire.Op(iamapi.ListRoles, s.listRoles),
		wire.Op(iamapi.PutRolePermissionsBoundary, s.putRolePermissionsBoundary),
		wire.Op(iamapi.PutRolePolicy, s.putRolePolicy),
		wire.Op(iamapi.SetDefaultPolicyVersion, s.setDefaultPolicyVersion),
		wire.Op(iamapi.TagRole, s.tagRole),
		wire.Op(iamapi.UntagRole, s.untagRole),
		wire.Op(iamapi.UpdateAssumeRolePolicy, s.updateAssumeRolePolicy),
		wire.Op(iamapi.UpdateRole, s.updateRole),
		wire.Op(iamapi.UpdateRoleDescription, s.updateRoleDescription),
	}}
}

// RoleID returns the id of a role by its ARN, or "" if there is no such role.
func (s *Service) RoleID(roleARN string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		for _, r := range a.Roles {
			if r.ARN == roleARN {
				return r.ID
			}
		}
	}
	return ""
}

// read calls f with the caller's account.
func (s *Service) read(ctx context.Context, f func(c wire.Caller, a *account) error) error {
	c := wire.CallerFrom(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return f(c, s.account(c.Account))
}

// change calls f with the caller's account and, unless f fails, saves what has
// become of it. f must not change anything before it fails. What f did stays when
// saving fails: the answer says so, and the next change saves it.
func (s *Service) change(ctx context.Context, f func(c wire.Caller, a *account) error) error {
	return s.read(ctx, func(c wire.Caller, a *account) error {
		if err := f(c, a); err != nil {
			return err
		}
		snapshot, err := json.Marshal(s.accounts)
		if err != nil {
			return err
		}
		return s.config.Save(snapshot)
	})
}

func (s *Service) account(number string) *account {
	a := s.accounts[number]
	if a == nil {
		a = &account{Roles: map[string]*role{}, Policies: map[string]*policy{}}
		s.accounts[number] = a
	}
	return a
}

// now is the time as IAM keeps it: whole seconds.
func (s *Service) now() time.Time { return s.config.Clock.Now().UTC().Truncate(time.Second) }

// newID returns a unique id: four letters for the kind, 17 of chance.
func (s *Service) newID(prefix string) (string, error) {
	var b [11]byte
	if _, err := io.ReadFull(s.config.Rand, b[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17], nil
}

// Restore replaces all roles and policies by those of a snapshot.
func (s *Service) Restore(snapshot []byte) error {
	accounts := map[string]*account{}
	if err := json.Unmarshal(snapshot, &accounts); err != nil {
		return fmt.Errorf("restore roles and policies: %w", err)
	}
	for number, a := range accounts {
		if a == nil {
			delete(accounts, number)
			continue
		}
		if a.Roles == nil {
			a.Roles = map[string]*role{}
		}
		if a.Policies == nil {
			a.Policies = map[string]*policy{}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts = accounts
	return nil
}
