package sfn

import (
	"context"
	"slices"
	"strconv"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// qualifier is what follows the state machine's ARN in the version's.
func (v *version) qualifier() string { return strconv.Itoa(v.number) }

func (s *Service) publishStateMachineVersion(ctx context.Context, in *sfnapi.PublishStateMachineVersionInput) (*sfnapi.PublishStateMachineVersionOutput, error) {
	m, err := s.machineAt(ctx, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	now := s.now()
	out := &sfnapi.PublishStateMachineVersionOutput{}
	err = s.change(m, func(c *control) (*control, error) {
		current := c.revision.id
		if current == "" {
			current = initialRevision
		}
		if in.RevisionId != nil && *in.RevisionId != current {
			return nil, sfnapi.NewConflictException("Failed to publish the State Machine version for revision " + *in.RevisionId +
				". The current State Machine revision is " + current + ".")
		}
		next, v, err := c.publish(m.arn, in.Description, now)
		if err != nil {
			return nil, err
		}
		if v.counted == nil {
			v.counted = s.series(m, []Dimension{{"Version", v.qualifier()}})
		}
		out.StateMachineVersionArn, out.CreationDate = v.arn, v.created
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) listStateMachineVersions(ctx context.Context, in *sfnapi.ListStateMachineVersionsInput) (*sfnapi.ListStateMachineVersionsOutput, error) {
	page, err := s.page("ListStateMachineVersions", in.StateMachineArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sfnapi.ListStateMachineVersionsOutput{StateMachineVersions: []sfnapi.StateMachineVersionListItem{}}
	m, err := s.machineAt(ctx, in.StateMachineArn)
	if isGone(err) {
		return out, nil // the operation has no error for this
	} else if err != nil {
		return nil, err
	}
	before, _ := strconv.Atoi(page.after) // empty on the first page
	for _, v := range slices.Backward(m.versions()) {
		if before > 0 && v.number >= before {
			continue
		}
		if n := len(out.StateMachineVersions); n == page.size {
			_, number, _ := cutVersion(out.StateMachineVersions[n-1].StateMachineVersionArn)
			out.NextToken = page.next(strconv.Itoa(number))
			break
		}
		out.StateMachineVersions = append(out.StateMachineVersions, sfnapi.StateMachineVersionListItem{
			StateMachineVersionArn: v.arn, CreationDate: v.created,
		})
	}
	return out, nil
}

// versions returns the versions, oldest first.
func (m *stateMachine) versions() []*version {
	if c := m.control.Load(); c != nil {
		return c.versions
	}
	return nil
}

func (s *Service) deleteStateMachineVersion(ctx context.Context, in *sfnapi.DeleteStateMachineVersionInput) (*sfnapi.DeleteStateMachineVersionOutput, error) {
	machineARN, number, ok := cutVersion(in.StateMachineVersionArn)
	if !ok {
		if _, err := parseResource(in.StateMachineVersionArn, kindMachine); err != nil {
			return nil, err
		}
		return nil, sfnapi.NewValidationException("The ARN of a state machine version is required. Received: " + in.StateMachineVersionArn)
	}
	m, err := s.machineAt(ctx, machineARN)
	if isGone(err) {
		return nil, nil // deleting what is not there is no error, as AWS has it
	} else if err != nil {
		return nil, err
	}
	return nil, s.change(m, func(c *control) (*control, error) { return c.withoutVersion(number) })
}

// isGone says whether an error means that the state machine is not there.
func isGone(err error) bool { return wire.IsCode(err, "StateMachineDoesNotExist") }
