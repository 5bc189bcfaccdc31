package sfn

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// A logging configuration. The zero value logs nothing.
type logging struct {
	Level                string `json:"level,omitempty"` // empty means OFF
	IncludeExecutionData bool   `json:"includeExecutionData,omitempty"`
	// Groups are the ARNs of log groups, each ending in ":*". AWS shows an
	// empty list when one was given, and none when none was: nil and empty
	// differ.
	Groups []string `json:"groups"`
}

func (l logging) equal(m logging) bool {
	return l.level() == m.level() && l.IncludeExecutionData == m.IncludeExecutionData && slices.Equal(l.Groups, m.Groups)
}

func (l logging) level() string {
	if l.Level == "" {
		return sfnapi.LogLevelOff
	}
	return l.Level
}

// api returns the configuration as the API shows it.
func (l logging) api() *sfnapi.LoggingConfiguration {
	level := l.level()
	out := &sfnapi.LoggingConfiguration{Level: &level, IncludeExecutionData: &l.IncludeExecutionData}
	if l.Groups != nil {
		out.Destinations = make([]sfnapi.LogDestination, len(l.Groups))
		for i := range l.Groups {
			out.Destinations[i].CloudWatchLogsLogGroup = &sfnapi.CloudWatchLogsLogGroup{LogGroupArn: &l.Groups[i]}
		}
	}
	return out
}

// readLogging checks a logging configuration.
//
// Source of the messages: recorded.
func (s *Service) readLogging(ctx context.Context, in *sfnapi.LoggingConfiguration) (logging, error) {
	var l logging
	if in == nil {
		return l, nil
	}
	if in.Level != nil {
		l.Level = *in.Level
	}
	if in.IncludeExecutionData != nil {
		l.IncludeExecutionData = *in.IncludeExecutionData
	}
	if in.Destinations != nil {
		l.Groups = []string{}
	}
	for _, d := range in.Destinations {
		if d.CloudWatchLogsLogGroup != nil && d.CloudWatchLogsLogGroup.LogGroupArn != nil {
			l.Groups = append(l.Groups, *d.CloudWatchLogsLogGroup.LogGroupArn)
		}
	}
	if len(l.Groups) > 1 || len(l.Groups) == 0 && l.level() != sfnapi.LogLevelOff {
		return l, sfnapi.NewInvalidLoggingConfiguration("Invalid Logging Configuration: Must specify exactly one Log Destination.")
	}
	if s.logs != nil {
		for _, group := range l.Groups {
			if !s.logs.Exists(ctx, strings.TrimSuffix(group, ":*")) {
				return l, sfnapi.NewInvalidLoggingConfiguration("Invalid Logging Configuration: Log Destination not found.")
			}
		}
	}
	return l, nil
}

// An encryption configuration. The zero value is AWS's own key. The local cloud
// keeps it and encrypts nothing.
type encryption struct {
	KeyID       string `json:"keyId,omitempty"`
	ReusePeriod *int32 `json:"reusePeriod,omitempty"` // seconds
}

func (e encryption) equal(f encryption) bool {
	return e.KeyID == f.KeyID && (e.ReusePeriod == nil) == (f.ReusePeriod == nil) &&
		(e.ReusePeriod == nil || *e.ReusePeriod == *f.ReusePeriod)
}

func (e encryption) api() *sfnapi.EncryptionConfiguration {
	if e.KeyID == "" {
		return &sfnapi.EncryptionConfiguration{Type: sfnapi.EncryptionTypeAwsOwnedKey}
	}
	return &sfnapi.EncryptionConfiguration{
		Type:                         sfnapi.EncryptionTypeCustomerManagedKmsKey,
		KmsKeyId:                     &e.KeyID,
		KmsDataKeyReusePeriodSeconds: e.ReusePeriod,
	}
}

func readEncryption(in *sfnapi.EncryptionConfiguration) (encryption, error) {
	switch {
	case in == nil:
		return encryption{}, nil
	case in.Type == sfnapi.EncryptionTypeAwsOwnedKey && in.KmsKeyId == nil && in.KmsDataKeyReusePeriodSeconds == nil:
		return encryption{}, nil
	case in.Type == sfnapi.EncryptionTypeCustomerManagedKmsKey && in.KmsKeyId != nil:
		return encryption{KeyID: *in.KmsKeyId, ReusePeriod: in.KmsDataKeyReusePeriodSeconds}, nil
	default:
		return encryption{}, sfnapi.NewInvalidEncryptionConfiguration(
			"Invalid Encryption Configuration: a key belongs to the type CUSTOMER_MANAGED_KMS_KEY, and that type needs one.")
	}
}

func readTracing(in *sfnapi.TracingConfiguration) bool {
	return in != nil && in.Enabled != nil && *in.Enabled
}

// compiled is a definition made ready to run, once, when it is first needed.
type compiled struct {
	once    sync.Once
	machine *asl.StateMachine
	program *machine.Program
	err     error
}

// parse reads a definition for the first time and refuses it in AWS's words.
func (r *revision) parse(kind asl.Type) error {
	r.once.Do(func() {
		sm, diagnostics := asl.Parse(r.definition, kind)
		if sm == nil {
			r.err = sfnapi.NewInvalidDefinition("Invalid State Machine Definition: '" + asl.Summary(diagnostics) + "'")
			return
		}
		r.machine = sm
		if r.program, r.err = machine.Compile(sm); r.err != nil {
			r.err = sfnapi.NewInvalidDefinition("Invalid State Machine Definition: '" + r.err.Error() + "'")
		}
	})
	return r.err
}

// variableReferences returns the variables that the states read, as the API
// shows them; nil when there are none.
func (r *revision) variableReferences(kind asl.Type) map[string][]string {
	if r.parse(kind) != nil || len(r.machine.VariableReferences) == 0 {
		return nil
	}
	return r.machine.VariableReferences
}
