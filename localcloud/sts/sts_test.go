package sts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/sts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

var start = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// stand is a service with its server.
type stand struct {
	service *sts.Service
	server  *wire.Server
	clock   *clock.Virtual
	changes int
	saved   []byte
}

func newStand() *stand {
	st := &stand{clock: clock.NewVirtual(start)}
	st.service = sts.New(sts.Config{
		Clock: st.clock,
		RoleID: func(arn string) string {
			return map[string]string{"arn:aws:iam::222222222222:role/known": "AROAKNOWN"}[arn]
		},
		Save: func(snapshot []byte) error { st.changes++; st.saved = snapshot; return nil },
	})
	st.server = wire.NewServer(wire.Config{AccountOf: st.service.AccountOf}, st.service.API())
	return st
}

func (st *stand) client(key, secret, token string) *client.Client {
	return client.New(client.Options{
		Region:       "eu-west-1",
		HTTPClient:   st.server.Client(),
		BaseEndpoint: aws.String("http://local.cloud"),
		Credentials:  credentials.NewStaticCredentialsProvider(key, secret, token),
		Retryer:      aws.NopRetryer{},
	})
}

func (st *stand) whoami(t *testing.T, c *client.Client) (account, arn, id string) {
	t.Helper()
	out, err := c.GetCallerIdentity(context.Background(), &client.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Account, *out.Arn, *out.UserId
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("got %v, want the error %s", err, code)
	}
}

func TestCallerIsTheRootOfItsAccount(t *testing.T) {
	st := newStand()
	for key, account := range map[string]string{"123456789012": "123456789012", "test": "000000000000"} {
		a, arn, id := st.whoami(t, st.client(key, "s", ""))
		if a != account || arn != "arn:aws:iam::"+account+":root" || id != account {
			t.Errorf("key %s: got %s %s %s", key, a, arn, id)
		}
	}
}

func TestAssumedRoleActsInItsAccountUntilItEnds(t *testing.T) {
	st := newStand()
	ctx := context.Background()
	out, err := st.client("111111111111", "s", "").AssumeRole(ctx, &client.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::222222222222:role/known"), RoleSessionName: aws.String("deploy"), DurationSeconds: aws.Int32(900),
	})
	if err != nil {
		t.Fatal(err)
	}
	if st.changes != 1 {
		t.Errorf("got %d notes of a change, want 1", st.changes)
	}
	k := out.Credentials
	if want := start.Add(15 * time.Minute); !k.Expiration.Equal(want) {
		t.Errorf("got a session until %s, want %s", k.Expiration, want)
	}
	c := st.client(*k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken)
	a, arn, id := st.whoami(t, c)
	if a != "222222222222" || arn != "arn:aws:sts::222222222222:assumed-role/known/deploy" || id != "AROAKNOWN:deploy" {
		t.Errorf("got %s %s %s", a, arn, id)
	}
	info, err := c.GetAccessKeyInfo(ctx, &client.GetAccessKeyInfoInput{AccessKeyId: k.AccessKeyId})
	if err != nil || *info.Account != "222222222222" {
		t.Errorf("the key %s: got account %v, %v", *k.AccessKeyId, info, err)
	}
	st.clock.Set(start.Add(16 * time.Minute))
	_, err = c.GetCallerIdentity(ctx, &client.GetCallerIdentityInput{})
	wantCode(t, err, "ExpiredToken")
}

func TestRoleWithPathOfUnknownRoleHasAStableID(t *testing.T) {
	st := newStand()
	in := &client.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/team/ci/other"), RoleSessionName: aws.String("se")}
	one, err := st.client("111111111111", "s", "").AssumeRole(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	two, err := st.client("111111111111", "s", "").AssumeRole(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if *one.AssumedRoleUser.AssumedRoleId != *two.AssumedRoleUser.AssumedRoleId {
		t.Errorf("got ids %s and %s of one role", *one.AssumedRoleUser.AssumedRoleId, *two.AssumedRoleUser.AssumedRoleId)
	}
	if want := "arn:aws:sts::222222222222:assumed-role/other/se"; *one.AssumedRoleUser.Arn != want {
		t.Errorf("got %s, want %s", *one.AssumedRoleUser.Arn, want)
	}
	if *one.Credentials.AccessKeyId == *two.Credentials.AccessKeyId {
		t.Errorf("two sessions have the key %s", *one.Credentials.AccessKeyId)
	}
}

func TestWhatIsNoRoleCannotBeAssumed(t *testing.T) {
	st := newStand()
	for _, arn := range []string{"arn:aws:iam::222222222222:user/somebody", "arn:aws:iam::1:role/short-account", "this is no arn at all"} {
		_, err := st.client("111111111111", "s", "").AssumeRole(context.Background(), &client.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("se")})
		wantCode(t, err, "ValidationError")
	}
}

func TestSessionAndFederationTokens(t *testing.T) {
	st := newStand()
	ctx := context.Background()
	root := st.client("111111111111", "s", "")
	tok, err := root.GetSessionToken(ctx, &client.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, arn, _ := st.whoami(t, st.client(*tok.Credentials.AccessKeyId, "s", "t")); arn != "arn:aws:iam::111111111111:root" {
		t.Errorf("a session token changed its owner to %s", arn)
	}
	fed, err := root.GetFederationToken(ctx, &client.GetFederationTokenInput{Name: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	if _, arn, id := st.whoami(t, st.client(*fed.Credentials.AccessKeyId, "s", "t")); arn != "arn:aws:sts::111111111111:federated-user/bob" || id != "111111111111:bob" {
		t.Errorf("got %s %s", arn, id)
	}
}

func TestSessionsSurviveARestart(t *testing.T) {
	st := newStand()
	out, err := st.client("111111111111", "s", "").AssumeRole(context.Background(), &client.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/r"), RoleSessionName: aws.String("se")})
	if err != nil {
		t.Fatal(err)
	}
	other := newStand()
	if err := other.service.Restore(st.saved); err != nil {
		t.Fatal(err)
	}
	if got := other.service.AccountOf(*out.Credentials.AccessKeyId); got != "222222222222" {
		t.Errorf("got account %q after a restart, want 222222222222", got)
	}
	if err := other.service.Restore([]byte("{")); err == nil {
		t.Error("half a snapshot was taken")
	}
}

func TestCodeHasASessionOfItsRoleThatLasts(t *testing.T) {
	st := newStand()
	keys, err := st.service.Session("333333333333", "aws", "arn:aws:iam::222222222222:role/path/baker", "oven")
	if err != nil {
		t.Fatal(err)
	}
	again, err := st.service.Session("333333333333", "aws", "arn:aws:iam::222222222222:role/path/baker", "oven")
	if err != nil || *again != *keys {
		t.Errorf("the same names give %+v (%v), and gave %+v", again, err, keys)
	}
	st.clock.Set(start.Add(1000 * time.Hour))
	who, err := st.client(keys.AccessKeyId, keys.SecretAccessKey, keys.SessionToken).GetCallerIdentity(t.Context(), &client.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	// It acts in the account where the code runs, whatever account the role is of.
	if want := "arn:aws:sts::333333333333:assumed-role/baker/oven"; *who.Arn != want || *who.Account != "333333333333" {
		t.Errorf("the code is %s of %s, want %s", *who.Arn, *who.Account, want)
	}
	if st.changes != 0 {
		t.Errorf("%d snapshots were kept of what ends with the service", st.changes)
	}
}
