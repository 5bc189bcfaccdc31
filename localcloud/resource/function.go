package resource

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

func function() kind {
	const longest = 64
	k := kind{name: "FunctionName", longest: longest, tags: functionTags, missing: missingOfFunction}
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
		return unlessGone(err, c.exists(name))
	}
	k.create = func(ctx context.Context, c *call) error {
		name := c.named(k)
		properties, err := c.functionProperties(c.Properties)
		if err != nil {
			return err
		}
		in := &lambda.CreateFunctionInput{}
		if err := fillFrom(in, properties, afterwards...); err != nil {
			return err
		}
		if in.Code, err = c.functionCode(); err != nil {
			return err
		}
		in.FunctionName, in.Tags = &name, c.tags()
		if _, err := c.lambda.CreateFunction(ctx, in); err != nil && !isCode(err, "ResourceConflictException") {
			return err
		}
		c.id = name
		return nil
	}
	k.complete = func(ctx context.Context, c *call) (time.Duration, error) {
		if _, wait, err := c.settledFunction(ctx); err != nil || wait > 0 {
			return wait, err
		}
		return 0, c.functionSettings(ctx)
	}
	k.update = updateFunction
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &c.id})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) {
		return attributes{"Arn": str(new(c.functionARN()))}, nil
	}
	return k
}

// afterwards are the properties that other operations than CreateFunction and
// UpdateFunctionConfiguration are for.
var afterwards = []string{"Code", "Tags", "ReservedConcurrentExecutions", "RecursiveLoop", "RuntimeManagementConfig"}

// updateFunction changes the code and then the configuration: the one has to
// settle before the other is accepted. The note says what comes next and, for a
// change, the revision that it is for: where the function has another one, the
// change was made by a call whose answer was lost.
func updateFunction(ctx context.Context, c *call) (time.Duration, error) {
	const code, settle, configure = "code", "settle", "configure"
	step, revision, _ := strings.Cut(c.note, " ")
	switch step {
	case code:
		c.note = settle
		return soon, c.updateCode(ctx, revision)
	case configure:
		in, err := c.configuration()
		if err != nil {
			return 0, err
		}
		in.RevisionId = &revision
		_, err = c.lambda.UpdateFunctionConfiguration(ctx, in)
		return 0, unlessChanged(err)
	}
	out, wait, err := c.settledFunction(ctx)
	if err != nil || wait > 0 {
		return wait, err
	}
	next := code
	if step == settle {
		next = configure
	}
	c.note = next + " " + *out.RevisionId
	return soon, nil
}

// unlessChanged returns err, or nil where it says that the function is not what
// it was.
func unlessChanged(err error) error {
	if isCode(err, "PreconditionFailedException", "ResourceConflictException") {
		return nil
	}
	return err
}

// updateCode gives the function the code of the template, if that has changed.
func (c *call) updateCode(ctx context.Context, revision string) error {
	if !c.changed("Code", "Architectures") {
		return nil
	}
	code, err := c.functionCode()
	if err != nil {
		return err
	}
	in := &lambda.UpdateFunctionCodeInput{
		FunctionName: &c.id, RevisionId: &revision, ZipFile: code.ZipFile, ImageUri: code.ImageUri,
		S3Bucket: code.S3Bucket, S3Key: code.S3Key, S3ObjectVersion: code.S3ObjectVersion, SourceKMSKeyArn: code.SourceKMSKeyArn,
	}
	if err := fillFrom(in, only(c.Properties, "Architectures")); err != nil {
		return err
	}
	_, err = c.lambda.UpdateFunctionCode(ctx, in)
	return unlessChanged(err)
}

// configuration returns what makes the function's configuration what the
// template says, also where it says something no more.
func (c *call) configuration() (*lambda.UpdateFunctionConfigurationInput, error) {
	properties, err := c.functionProperties(c.withDefaults(`{
		"Description": "", "MemorySize": 128, "Timeout": 3, "Environment": {"Variables": {}}, "Layers": [],
		"DeadLetterConfig": {"TargetArn": ""}, "TracingConfig": {"Mode": "PassThrough"}, "EphemeralStorage": {"Size": 512},
		"SnapStart": {"ApplyOn": "None"}, "KmsKeyArn": "", "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}, "FileSystemConfigs": [],
		"LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/` + c.id + `"}}`))
	if err != nil {
		return nil, err
	}
	in := &lambda.UpdateFunctionConfigurationInput{}
	createOnly := []string{"FunctionName", "PackageType", "Architectures", "CodeSigningConfigArn", "TenancyConfig"}
	if err := fillFrom(in, properties, append(createOnly, afterwards...)...); err != nil {
		return nil, err
	}
	in.FunctionName = &c.id
	return in, nil
}

// functionProperties checks what is for no operation.
func (c *call) functionProperties(properties jsonvalue.Value) (jsonvalue.Value, error) {
	if v, ok := properties.Get("RuntimeManagementConfig"); ok && textOf(v, "UpdateRuntimeOn") != "Auto" {
		return properties, unsupported("RuntimeManagementConfig", textOf(v, "UpdateRuntimeOn"))
	}
	return properties, nil
}

// settledFunction returns the function, and how long to wait for its last change
// before looking again.
func (c *call) settledFunction(ctx context.Context) (*lambda.GetFunctionConfigurationOutput, time.Duration, error) {
	out, err := c.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &c.id})
	switch {
	case err != nil:
		return nil, 0, err
	case out.State == types.StatePending, out.LastUpdateStatus == types.LastUpdateStatusInProgress:
		return out, later, nil
	case out.State == types.StateFailed:
		return nil, 0, &cloudformation.Failure{Code: codeNotStabilized, Message: "Lambda resource " + c.functionARN() + " did not stabilize: " + *out.StateReason}
	default:
		return out, 0, nil
	}
}

// functionSettings are those that a function has beside its configuration.
func (c *call) functionSettings(ctx context.Context) error {
	switch {
	case c.has("ReservedConcurrentExecutions"):
		in := &lambda.PutFunctionConcurrencyInput{FunctionName: &c.id}
		if err := fillFrom(in, only(c.Properties, "ReservedConcurrentExecutions")); err != nil {
			return err
		}
		if _, err := c.lambda.PutFunctionConcurrency(ctx, in); err != nil {
			return err
		}
	case present(c.Previous, "ReservedConcurrentExecutions"):
		if _, err := c.lambda.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: &c.id}); err != nil {
			return err
		}
	}
	if properties := c.withDefaults(`{"RecursiveLoop":"Terminate"}`); present(properties, "RecursiveLoop") {
		_, err := c.lambda.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigInput{
			FunctionName: &c.id, RecursiveLoop: types.RecursiveLoop(textOf(properties, "RecursiveLoop")),
		})
		return err
	}
	return nil
}

// functionCode returns where the code is. Code that stands in the template
// becomes an archive with one file.
func (c *call) functionCode() (*types.FunctionCode, error) {
	v, _ := c.Properties.Get("Code")
	code := &types.FunctionCode{}
	if err := fillFrom(code, v, "ZipFile"); err != nil {
		return nil, err
	}
	if !present(v, "ZipFile") {
		return code, nil
	}
	file := ""
	switch runtime := c.text("Runtime"); {
	case strings.HasPrefix(runtime, "python"):
		file = "index.py"
	case strings.HasPrefix(runtime, "nodejs"):
		file = "index.js"
	default:
		return nil, invalid("ZipFile can only be used when Runtime is set to either of nodejs, python")
	}
	var err error
	code.ZipFile, err = archiveOf(file, textOf(v, "ZipFile"))
	return code, err
}

// archiveOf returns an archive of one file, the same for the same content.
func archiveOf(name, content string) ([]byte, error) {
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	const readable = 0o644
	header.SetMode(readable)
	file, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write([]byte(content)); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (c *call) functionARN() string { return c.arn("lambda", "function:"+c.id) }

var functionTags = tagging{
	list: func(ctx context.Context, c *call) (map[string]string, error) {
		out, err := c.lambda.ListTags(ctx, &lambda.ListTagsInput{Resource: new(c.functionARN())})
		if err != nil {
			return nil, err
		}
		return out.Tags, nil
	},
	tag: func(ctx context.Context, c *call, tags map[string]string) error {
		_, err := c.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: new(c.functionARN()), Tags: tags})
		return err
	},
	untag: func(ctx context.Context, c *call, keys []string) error {
		_, err := c.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: new(c.functionARN()), TagKeys: keys})
		return err
	},
}
