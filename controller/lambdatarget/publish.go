package lambdatarget

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

// maxZip is how large an archive may be that is uploaded with the request.
//
// Source: Lambda Developer Guide, "Lambda quotas", deployment package.
const maxZip = 50 << 20

// code reads an archive and makes sure that it is one, so that a wrong file is
// found before anything is called. The sum is as Lambda writes it.
func code(files controller.Files, name string) (content []byte, sum string, err error) {
	if files == nil {
		return nil, "", fmt.Errorf("%w: code %s: there are no files here", controller.ErrInvalid, name)
	}
	if content, err = files.ReadFile(name); err != nil {
		return nil, "", fmt.Errorf("code: %w", err)
	}
	if len(content) > maxZip {
		return nil, "", fmt.Errorf("%w: %s has %.1f MB; Lambda takes at most %d MB with a request. Upload it by way of S3 (aws lambda update-function-code --s3-bucket), and release without code",
			controller.ErrInvalid, name, float64(len(content))/(1<<20), maxZip>>20)
	}
	if _, err := zip.NewReader(bytes.NewReader(content), int64(len(content))); err != nil {
		return nil, "", fmt.Errorf("%w: %s: not a zip archive: %w", controller.ErrInvalid, name, err)
	}
	hash := sha256.Sum256(content)
	return content, base64.StdEncoding.EncodeToString(hash[:]), nil
}

// Resolve reads what a target names, and changes nothing. It finds what would
// make Lambda refuse the first shift: versions with different execution roles or
// dead letter targets, and a version that is not Active. When the version that
// serves is what would be published, that is the version to release.
func (t *Target) Resolve(ctx context.Context, target plan.Target, files controller.Files) (controller.Resolved, error) {
	function, err := t.function(ctx, target.Name)
	if err != nil {
		return controller.Resolved{}, err
	}
	r := controller.Resolved{Target: target, Alias: function.With(target.Alias).String(), Version: target.Version}
	var sum string
	if target.Code != "" && target.Version == "" {
		if _, sum, err = code(files, target.Code); err != nil {
			return controller.Resolved{}, err
		}
	}
	next, err := t.settled(ctx, function, target.Version)
	switch {
	case errors.Is(err, controller.ErrNotFound):
		return controller.Resolved{}, fmt.Errorf("%s: %w", of(function, target.Version), err)
	case err != nil:
		return controller.Resolved{}, err
	}
	r.Revision = aws.ToString(next.RevisionId)
	r.Upload = sum != "" && sum != aws.ToString(next.CodeSha256)
	r.Content = content(next, sum)
	if err := releasable(next, r); err != nil {
		return controller.Resolved{}, fmt.Errorf("%s: %w", of(function, target.Version), err)
	}
	r.Now, err = t.Routing(ctx, r.Alias)
	switch {
	case errors.Is(err, controller.ErrNotFound):
		return r, nil
	case err != nil:
		return controller.Resolved{}, err
	}
	r.Exists = true
	return t.compare(ctx, function, r, next, sum)
}

// releasable says why what a target names cannot be released.
func releasable(next *configuration, r controller.Resolved) error {
	switch {
	case r.Version != "":
		return ready(next)
	case r.Upload:
		return nil // which is what a failed update waits for
	default:
		return updated(next)
	}
}

// compare compares what is to be released with the version that serves. sum is
// that of the code that the target names, if it names one.
func (t *Target) compare(ctx context.Context, function arn.ARN, r controller.Resolved, next *configuration, sum string) (controller.Resolved, error) {
	if r.Now.Stable == r.Version {
		return r, nil
	}
	if r.Now.Stable == latest {
		return controller.Resolved{}, fmt.Errorf("%w: alias %s serves %s, which cannot share an alias with a version: publish a version, and point the alias to it once",
			controller.ErrInvalid, r.Target.Alias, latest)
	}
	live, err := t.configuration(ctx, function, r.Now.Stable)
	if err != nil {
		return controller.Resolved{}, fmt.Errorf("%s: %w", of(function, r.Now.Stable), err)
	}
	if err := share(live, next); err != nil {
		return controller.Resolved{}, err
	}
	if sum == "" {
		sum = aws.ToString(next.CodeSha256)
	}
	if r.Version == "" && sum == aws.ToString(live.CodeSha256) && alike(live, next) {
		r.Version, r.Upload = r.Now.Stable, false
	}
	return r, nil
}

// Publish uploads the code if it differs, and publishes, on the condition that
// the function is still as it was resolved, and that what is published is what
// was uploaded. It returns when the version can take traffic.
func (t *Target) Publish(ctx context.Context, r controller.Resolved, files controller.Files) (controller.Published, error) {
	function, _, err := split(r.Alias)
	if err != nil {
		return controller.Published{}, err
	}
	published := controller.Published{Canary: r.Version, Reused: true}
	if r.Version == "" {
		if published, err = t.publish(ctx, function, r, files); err != nil {
			return controller.Published{}, err
		}
	}
	c, err := t.settled(ctx, function, published.Canary)
	if err == nil {
		err = ready(c)
	}
	switch {
	case err == nil:
		return published, nil
	case published.Reused:
		return controller.Published{}, fmt.Errorf("%s: %w", of(function, published.Canary), err)
	default:
		return controller.Published{}, fmt.Errorf("%s was published and stays, but cannot take traffic: %w", of(function, published.Canary), err)
	}
}

func (t *Target) publish(ctx context.Context, function arn.ARN, r controller.Resolved, files controller.Files) (controller.Published, error) {
	before, err := t.list(ctx, function)
	if err != nil {
		return controller.Published{}, err
	}
	in := &lambda.PublishVersionInput{FunctionName: aws.String(function.String()), RevisionId: &r.Revision}
	if r.Target.Code != "" {
		content, sum, err := code(files, r.Target.Code)
		if err != nil {
			return controller.Published{}, err
		}
		in.CodeSha256 = &sum
		if r.Upload {
			if in.RevisionId, err = t.upload(ctx, function, r.Revision, content, sum); err != nil {
				return controller.Published{}, err
			}
		}
	}
	out, err := t.api.PublishVersion(ctx, in)
	if err != nil {
		return controller.Published{}, changed(awserr.Wrap("PublishVersion", err))
	}
	version := aws.ToString(out.Version)
	if !arn.IsVersion(version) {
		return controller.Published{}, fmt.Errorf("PublishVersion: %q is not the number of a version", version)
	}
	// Numbers grow and are never used again, so a version that is not newer
	// than the newest before was there already.
	return controller.Published{Canary: version, Reused: len(before) > 0 && arn.CompareVersions(before[0].Number, version) >= 0}, nil
}

// upload gives the function its code, on the condition that it has a revision,
// and waits until it is in force. It returns the revision that is then to be
// published, which is a new one: that of the answer ends with the update.
func (t *Target) upload(ctx context.Context, function arn.ARN, revision string, content []byte, sum string) (*string, error) {
	_, err := t.api.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String(function.String()), ZipFile: content, Publish: false, RevisionId: &revision,
	})
	if err != nil {
		return nil, changed(awserr.Wrap("UpdateFunctionCode", err))
	}
	// Meanwhile Lambda refuses all other changes of the function.
	now, err := t.settled(ctx, function, "")
	switch {
	case err != nil:
		return nil, fmt.Errorf("code was uploaded: %w", err)
	case aws.ToString(now.CodeSha256) != sum:
		return nil, fmt.Errorf("%w: the function was changed while it was being released: its code is %s, and %s was uploaded",
			controller.ErrConflict, aws.ToString(now.CodeSha256), sum)
	}
	if err := updated(now); err != nil {
		return nil, fmt.Errorf("code was uploaded: %w", err)
	}
	return now.RevisionId, nil
}

// changed names the reason when a condition was not met.
func changed(err error) error {
	sum := awserr.Code(err) == "InvalidParameterValueException" && strings.Contains(strings.ToLower(err.Error()), "codesha256")
	switch {
	case sum:
		return fmt.Errorf("%w: the function was changed while it was being released: %w", controller.ErrConflict, err)
	case errors.Is(err, controller.ErrConflict):
		return fmt.Errorf("the function was changed while it was being released: %w", err)
	default:
		return err
	}
}
