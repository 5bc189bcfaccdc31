package iam_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/iam"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

var start = time.Date(2026, 5, 6, 7, 8, 9, 500e6, time.UTC)

// stand is a service with its server.
type stand struct {
	t       *testing.T
	service *iam.Service
	server  *wire.Server
	changes int
	saved   []byte
	full    error
}

func newStand(t *testing.T) *stand {
	st := &stand{t: t}
	st.service = iam.New(iam.Config{Clock: clock.NewVirtual(start), Rand: zeros{}, Save: func(snapshot []byte) error {
		st.changes++
		st.saved = snapshot
		return st.full
	}})
	st.server = wire.NewServer(wire.Config{NewID: func() string { return "id" }}, st.service.API())
	return st
}

// zeros is a source of chance without any.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// call carries out an operation; want is the JSON of its answer or, beginning
// with a word and a colon, its error.
func (st *stand) call(operation, params, want string) {
	st.t.Helper()
	st.callAs("123456789012", operation, params, want)
}

func (st *stand) callAs(account, operation, params, want string) {
	st.t.Helper()
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: account})
	out, err := st.server.Call(ctx, "iam", operation, []byte(params))
	if err != nil {
		out = []byte(err.Error())
	}
	var got, expected any
	if err != nil || json.Unmarshal(out, &got) != nil || json.Unmarshal([]byte(want), &expected) != nil {
		if string(out) != want {
			st.t.Errorf("%s %s:\ngot  %s\nwant %s", operation, params, out, want)
		}
		return
	}
	if d := cmp.Diff(expected, got); d != "" {
		st.t.Errorf("%s %s (-want +got):\n%s", operation, params, d)
	}
}

const roleID = "AROAAAAAAAAAAAAAAAAAA"

func TestRolesAreKeptAsTheyWereMade(t *testing.T) {
	st := newStand(t)
	shown := `"RoleName":"deployer","Path":"/ci/","RoleId":"` + roleID + `","Arn":"arn:aws:iam::123456789012:role/ci/deployer","CreateDate":"2026-05-06T07:08:09.000Z","AssumeRolePolicyDocument":"%7B%22a%22%3A%20%22b%20c%22%7D"`
	st.call("createRole", `{"RoleName":"deployer","Path":"/ci/","AssumeRolePolicyDocument":"{\"a\": \"b c\"}","Tags":[{"Key":"k","Value":"v"}]}`,
		`{"Role":{`+shown+`,"MaxSessionDuration":3600,"Tags":[{"Key":"k","Value":"v"}]}}`)
	st.call("createRole", `{"RoleName":"Deployer","AssumeRolePolicyDocument":"{}"}`, "EntityAlreadyExistsException: Role with name Deployer already exists.")
	st.call("createRole", `{"RoleName":"other","AssumeRolePolicyDocument":"{"}`, "MalformedPolicyDocumentException: This policy contains invalid Json")
	st.call("createRole", `{"RoleName":"a b","AssumeRolePolicyDocument":"{}"}`, `ValidationException: 1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`)
	st.call("updateRole", `{"RoleName":"deployer","Description":"d","MaxSessionDuration":7200}`, `{}`)
	st.call("tagRole", `{"RoleName":"deployer","Tags":[{"Key":"l","Value":""}]}`, `{}`)
	st.call("tagRole", `{"RoleName":"deployer","Tags":[{"Key":"x","Value":""},{"Key":"X","Value":""}]}`, "InvalidInputException: Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	st.call("untagRole", `{"RoleName":"deployer","TagKeys":["k","unknown"]}`, `{}`)
	st.call("putRolePermissionsBoundary", `{"RoleName":"deployer","PermissionsBoundary":"arn:aws:iam::aws:policy/X"}`, `{}`)
	st.call("getRole", `{"RoleName":"deployer"}`, `{"Role":{`+shown+`,"Description":"d","MaxSessionDuration":7200,"RoleLastUsed":{},"Tags":[{"Key":"l","Value":""}],"PermissionsBoundary":{"PermissionsBoundaryType":"PermissionsBoundaryPolicy","PermissionsBoundaryArn":"arn:aws:iam::aws:policy/X"}}}`)
	st.call("listRoleTags", `{"RoleName":"deployer"}`, `{"Tags":[{"Key":"l","Value":""}],"IsTruncated":false}`)
	st.callAs("210987654321", "getRole", `{"RoleName":"deployer"}`, "NoSuchEntityException: The role with name deployer cannot be found.")
	if got := st.service.RoleID("arn:aws:iam::123456789012:role/ci/deployer"); got != roleID {
		t.Errorf("got the id %q, want %q", got, roleID)
	}
	if st.changes != 5 {
		t.Errorf("got %d notes of a change, want 5: none for what was refused", st.changes)
	}
}

func TestRolesWithPoliciesCannotBeDeleted(t *testing.T) {
	st := newStand(t)
	st.call("deleteRole", `{"RoleName":"r"}`, "NoSuchEntityException: The role with name r cannot be found.")
	st.call("createRole", `{"RoleName":"r","AssumeRolePolicyDocument":"{}"}`, `{"Role":{"RoleName":"r","Path":"/","RoleId":"`+roleID+`","Arn":"arn:aws:iam::123456789012:role/r","CreateDate":"2026-05-06T07:08:09.000Z","AssumeRolePolicyDocument":"%7B%7D","MaxSessionDuration":3600}}`)
	st.call("putRolePolicy", `{"RoleName":"r","PolicyName":"p","PolicyDocument":"{\"x\":1}"}`, `{}`)
	st.call("attachRolePolicy", `{"RoleName":"r","PolicyArn":"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}`, `{}`)
	st.call("listRolePolicies", `{"RoleName":"r"}`, `{"PolicyNames":["p"],"IsTruncated":false}`)
	st.call("getRolePolicy", `{"RoleName":"r","PolicyName":"p"}`, `{"RoleName":"r","PolicyName":"p","PolicyDocument":"%7B%22x%22%3A1%7D"}`)
	st.call("getRolePolicy", `{"RoleName":"r","PolicyName":"q"}`, "NoSuchEntityException: The role policy with name q cannot be found.")
	st.call("listAttachedRolePolicies", `{"RoleName":"r"}`, `{"AttachedPolicies":[{"PolicyName":"AWSLambdaBasicExecutionRole","PolicyArn":"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}],"IsTruncated":false}`)
	st.call("listInstanceProfilesForRole", `{"RoleName":"r"}`, `{"InstanceProfiles":[],"IsTruncated":false}`)
	st.call("deleteRole", `{"RoleName":"r"}`, "DeleteConflictException: Cannot delete entity, must delete policies first.")
	st.call("deleteRolePolicy", `{"RoleName":"r","PolicyName":"p"}`, `{}`)
	st.call("deleteRole", `{"RoleName":"r"}`, "DeleteConflictException: Cannot delete entity, must detach all policies first.")
	st.call("detachRolePolicy", `{"RoleName":"r","PolicyArn":"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}`, `{}`)
	st.call("detachRolePolicy", `{"RoleName":"r","PolicyArn":"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}`, "NoSuchEntityException: Policy arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole was not found.")
	st.call("deleteRole", `{"RoleName":"r"}`, `{}`)
	st.call("listRoles", `{}`, `{"Roles":[],"IsTruncated":false}`)
}

func TestManagedPoliciesHaveVersions(t *testing.T) {
	st := newStand(t)
	const policyARN = "arn:aws:iam::123456789012:policy/guard"
	st.call("createPolicy", `{"PolicyName":"guard","PolicyDocument":"{\"v\":1}","Description":"d"}`,
		`{"Policy":{"PolicyName":"guard","PolicyId":"ANPAAAAAAAAAAAAAAAAAA","Arn":"`+policyARN+`","Path":"/","DefaultVersionId":"v1","AttachmentCount":0,"PermissionsBoundaryUsageCount":0,"IsAttachable":true,"CreateDate":"2026-05-06T07:08:09.000Z","UpdateDate":"2026-05-06T07:08:09.000Z"}}`)
	st.call("createPolicy", `{"PolicyName":"guard","PolicyDocument":"{}"}`, "EntityAlreadyExistsException: A policy called guard already exists. Duplicate names are not allowed.")
	for n := 2; n <= 5; n++ {
		st.call("createPolicyVersion", fmt.Sprintf(`{"PolicyArn":"%s","PolicyDocument":"{\"v\":%d}","SetAsDefault":%t}`, policyARN, n, n == 3),
			fmt.Sprintf(`{"PolicyVersion":{"VersionId":"v%d","IsDefaultVersion":%t,"CreateDate":"2026-05-06T07:08:09.000Z"}}`, n, n == 3))
	}
	st.call("createPolicyVersion", `{"PolicyArn":"`+policyARN+`","PolicyDocument":"{}"}`, "LimitExceededException: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	st.call("deletePolicyVersion", `{"PolicyArn":"`+policyARN+`","VersionId":"v3"}`, "DeleteConflictException: Cannot delete the default version of a policy.")
	st.call("setDefaultPolicyVersion", `{"PolicyArn":"`+policyARN+`","VersionId":"v5"}`, `{}`)
	for _, v := range []string{"v1", "v2", "v3"} {
		st.call("deletePolicyVersion", `{"PolicyArn":"`+policyARN+`","VersionId":"`+v+`"}`, `{}`)
	}
	st.call("deletePolicyVersion", `{"PolicyArn":"`+policyARN+`","VersionId":"v1"}`, "NoSuchEntityException: Policy "+policyARN+" version v1 does not exist or is not attachable.")
	st.call("getPolicyVersion", `{"PolicyArn":"`+policyARN+`","VersionId":"v5"}`, `{"PolicyVersion":{"Document":"%7B%22v%22%3A5%7D","VersionId":"v5","IsDefaultVersion":true,"CreateDate":"2026-05-06T07:08:09.000Z"}}`)
	st.call("listPolicyVersions", `{"PolicyArn":"`+policyARN+`"}`, `{"Versions":[{"VersionId":"v5","IsDefaultVersion":true,"CreateDate":"2026-05-06T07:08:09.000Z"},{"VersionId":"v4","IsDefaultVersion":false,"CreateDate":"2026-05-06T07:08:09.000Z"}],"IsTruncated":false}`)

	st.call("createRole", `{"RoleName":"r","AssumeRolePolicyDocument":"{}"}`, `{"Role":{"RoleName":"r","Path":"/","RoleId":"`+roleID+`","Arn":"arn:aws:iam::123456789012:role/r","CreateDate":"2026-05-06T07:08:09.000Z","AssumeRolePolicyDocument":"%7B%7D","MaxSessionDuration":3600}}`)
	st.call("attachRolePolicy", `{"RoleName":"r","PolicyArn":"`+policyARN+`x"}`, "NoSuchEntityException: Policy "+policyARN+"x does not exist or is not attachable.")
	st.call("attachRolePolicy", `{"RoleName":"r","PolicyArn":"`+policyARN+`"}`, `{}`)
	st.call("deletePolicy", `{"PolicyArn":"`+policyARN+`"}`, "DeleteConflictException: Cannot delete a policy attached to entities.")
	st.call("getPolicy", `{"PolicyArn":"`+policyARN+`"}`, `{"Policy":{"PolicyName":"guard","PolicyId":"ANPAAAAAAAAAAAAAAAAAA","Arn":"`+policyARN+`","Path":"/","DefaultVersionId":"v5","AttachmentCount":1,"PermissionsBoundaryUsageCount":0,"IsAttachable":true,"Description":"d","CreateDate":"2026-05-06T07:08:09.000Z","UpdateDate":"2026-05-06T07:08:09.000Z"}}`)
	st.call("detachRolePolicy", `{"RoleName":"r","PolicyArn":"`+policyARN+`"}`, `{}`)
	st.call("listPolicies", `{"OnlyAttached":true}`, `{"Policies":[],"IsTruncated":false}`)
	st.call("deletePolicy", `{"PolicyArn":"`+policyARN+`"}`, "DeleteConflictException: This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	st.call("deletePolicyVersion", `{"PolicyArn":"`+policyARN+`","VersionId":"v4"}`, `{}`)
	st.call("deletePolicy", `{"PolicyArn":"`+policyARN+`"}`, `{}`)
	st.call("getPolicy", `{"PolicyArn":"`+policyARN+`"}`, "NoSuchEntityException: Policy "+policyARN+" was not found.")
}

func TestListsComeInPages(t *testing.T) {
	st := newStand(t)
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: "123456789012"})
	for _, name := range []string{"e", "b", "d", "a", "c"} {
		if _, err := st.server.Call(ctx, "iam", "CreateRole", []byte(`{"RoleName":"`+name+`","Path":"/p/","AssumeRolePolicyDocument":"{}"}`)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	marker := ""
	for range 10 {
		text, err := st.server.Call(ctx, "iam", "ListRoles", []byte(`{"MaxItems":2,"PathPrefix":"/p/"`+marker+`}`))
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Roles       []struct{ RoleName string }
			IsTruncated bool
			Marker      string
		}
		if err := json.Unmarshal(text, &page); err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			names = append(names, r.RoleName)
		}
		if !page.IsTruncated {
			break
		}
		marker = `,"Marker":"` + page.Marker + `"`
	}
	if got := strings.Join(names, " "); got != "a b c d e" {
		t.Errorf("got the roles %s, want a b c d e", got)
	}
	st.call("listRoles", `{"Marker":"?"}`, "ValidationException: Invalid Marker.")
}

func TestStateSurvivesARestart(t *testing.T) {
	st := newStand(t)
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: "123456789012"})
	for _, c := range [][2]string{
		{"CreateRole", `{"RoleName":"r","AssumeRolePolicyDocument":"{}"}`},
		{"PutRolePolicy", `{"RoleName":"r","PolicyName":"p","PolicyDocument":"{}"}`},
		{"AttachRolePolicy", `{"RoleName":"r","PolicyArn":"arn:aws:iam::aws:policy/A"}`},
	} {
		if _, err := st.server.Call(ctx, "iam", c[0], []byte(c[1])); err != nil {
			t.Fatal(err)
		}
	}
	other := newStand(t)
	if err := other.service.Restore(st.saved); err != nil {
		t.Fatal(err)
	}
	other.call("listRolePolicies", `{"RoleName":"r"}`, `{"PolicyNames":["p"],"IsTruncated":false}`)
	other.call("listAttachedRolePolicies", `{"RoleName":"r"}`, `{"AttachedPolicies":[{"PolicyName":"A","PolicyArn":"arn:aws:iam::aws:policy/A"}],"IsTruncated":false}`)
	if err := other.service.Restore([]byte("null and void")); err == nil {
		t.Error("nonsense was restored")
	}
}

func TestWhatCannotBeSavedIsNotAcknowledged(t *testing.T) {
	st := newStand(t)
	st.full = errors.New("disk full")
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: "123456789012"})
	if _, err := st.server.Call(ctx, "iam", "CreateRole", []byte(`{"RoleName":"r","AssumeRolePolicyDocument":"{}"}`)); err == nil {
		t.Error("a role was acknowledged that nothing remembers")
	}
}

func TestRolesOverTheQueryProtocol(t *testing.T) {
	st := newStand(t)
	post := func(form url.Values) (int, string) {
		form.Set("Version", "2010-05-08")
		out, err := st.server.Client().Post("http://iam.local/", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = out.Body.Close() }()
		body, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		return out.StatusCode, string(body)
	}
	status, body := post(url.Values{"Action": {"CreateRole"}, "RoleName": {"r"}, "AssumeRolePolicyDocument": {"{}"}, "Tags.member.1.Key": {"k"}, "Tags.member.1.Value": {"v"}})
	want := `<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult><Role><Path>/</Path><RoleName>r</RoleName><RoleId>` + roleID + `</RoleId><Arn>arn:aws:iam::000000000000:role/r</Arn><CreateDate>2026-05-06T07:08:09.000Z</CreateDate><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument><MaxSessionDuration>3600</MaxSessionDuration><Tags><member><Key>k</Key><Value>v</Value></member></Tags></Role></CreateRoleResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></CreateRoleResponse>`
	if status != http.StatusOK || body != want {
		t.Errorf("got %d %s\nwant 200 %s", status, body, want)
	}
	status, body = post(url.Values{"Action": {"GetRole"}, "RoleName": {"x"}})
	want = `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The role with name x cannot be found.</Message></Error><RequestId>id</RequestId></ErrorResponse>`
	if status != http.StatusNotFound || body != want {
		t.Errorf("got %d %s\nwant 404 %s", status, body, want)
	}
}
