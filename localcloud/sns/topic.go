package sns

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/snsapi"
)

var (
	topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	fifoName  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,251}\.fifo$`)
)

// topicAttributes are those that can be set. A topic keeps all of them and acts on
// DeliveryPolicy, FifoTopic and ContentBasedDeduplication; there is nobody here
// whom a Policy could refuse anything, and nothing to encrypt.
var topicAttributes = []string{
	"ArchivePolicy", "ContentBasedDeduplication", "DeliveryPolicy", "DisplayName", "FifoThroughputScope", "FifoTopic", "KmsMasterKeyId",
	"Policy", "SignatureVersion", "TracingConfig",
	"ApplicationFailureFeedbackRoleArn", "ApplicationSuccessFeedbackRoleArn", "ApplicationSuccessFeedbackSampleRate",
	"FirehoseFailureFeedbackRoleArn", "FirehoseSuccessFeedbackRoleArn", "FirehoseSuccessFeedbackSampleRate",
	"HTTPFailureFeedbackRoleArn", "HTTPSuccessFeedbackRoleArn", "HTTPSuccessFeedbackSampleRate",
	"LambdaFailureFeedbackRoleArn", "LambdaSuccessFeedbackRoleArn", "LambdaSuccessFeedbackSampleRate",
	"SQSFailureFeedbackRoleArn", "SQSSuccessFeedbackRoleArn", "SQSSuccessFeedbackSampleRate",
}

// checkTopicAttribute refuses what a topic cannot have.
func checkTopicAttribute(name, value string) error {
	switch {
	case !slices.Contains(topicAttributes, name):
		return invalid("AttributeName")
	case value == "":
		return nil
	case name == "DeliveryPolicy":
		if _, err := readPolicy(value); err != nil {
			return invalid("DeliveryPolicy: %v", err)
		}
	case name == "Policy" && !json.Valid([]byte(value)):
		return invalid("Policy Error: null")
	}
	return nil
}

func (s *Service) createTopic(ctx context.Context, in *snsapi.CreateTopicInput) (*snsapi.CreateTopicResponse, error) {
	fifo := in.Attributes["FifoTopic"] == "true"
	switch {
	case fifo && !fifoName.MatchString(in.Name):
		return nil, invalid("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.")
	case !fifo && !topicName.MatchString(in.Name):
		return nil, invalid("Topic Name")
	}
	for name, value := range in.Attributes {
		if err := checkTopicAttribute(name, value); err != nil {
			return nil, invalid("Attributes Reason: Unknown attribute %s", name)
		}
	}
	tags, err := withTags(ctx, nil, in.Tags)
	if err != nil {
		return nil, err
	}
	c := wire.CallerFrom(ctx)
	arn := c.ARN("sns", in.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.topics[arn]; old != nil {
		return &snsapi.CreateTopicResponse{TopicArn: &arn}, old.sameAs(in, tags)
	}
	t := &topic{ARN: arn, Name: in.Name, Account: c.Account, Region: c.Region, Partition: c.Partition, Attributes: cloned(in.Attributes), Tags: tags}
	if err := s.save(journal.JSON(recordTopic, arn, t)); err != nil {
		return nil, err
	}
	s.topics[arn] = t
	return &snsapi.CreateTopicResponse{TopicArn: &arn}, nil
}

// sameAs says that a topic is already what is to be created, or how it differs.
func (t *topic) sameAs(in *snsapi.CreateTopicInput, tags map[string]string) error {
	for name, value := range in.Attributes {
		if t.Attributes[name] != value {
			return invalid("Attributes Reason: Topic already exists with different attributes")
		}
	}
	if len(in.Tags) > 0 && !maps.Equal(t.Tags, tags) {
		return invalid("Tags Reason: Topic already exists with different tags")
	}
	return nil
}

func (s *Service) deleteTopic(ctx context.Context, in *snsapi.DeleteTopicInput) (*wire.Nothing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, in.TopicArn)
	if wire.IsCode(err, "NotFoundException") {
		return nil, nil // to delete what is not there is no error
	} else if err != nil {
		return nil, err
	}
	records := append(s.dropSubscriptions(t), journal.Deletion(recordTopic, t.ARN))
	if err := s.save(records...); err != nil {
		return nil, err
	}
	delete(s.topics, t.ARN)
	maps.DeleteFunc(s.subscriptions, func(_ string, sub *subscription) bool { return sub.Topic == t.ARN })
	return nil, nil
}

func (s *Service) getTopicAttributes(ctx context.Context, in *snsapi.GetTopicAttributesInput) (*snsapi.GetTopicAttributesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, in.TopicArn)
	if err != nil {
		return nil, err
	}
	confirmed, pending := 0, 0
	for _, sub := range s.subscriptions {
		switch {
		case sub.Topic != t.ARN:
		case sub.Pending:
			pending++
		default:
			confirmed++
		}
	}
	policy, err := effectivePolicy(t, nil)
	if err != nil {
		return nil, err
	}
	a := map[string]string{
		"TopicArn": t.ARN, "Owner": t.Account, "DisplayName": "", "Policy": t.defaultPolicy(),
		"SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(pending), "SubscriptionsDeleted": strconv.Itoa(t.Deleted),
		"EffectiveDeliveryPolicy": policy.effective(),
	}
	for name, value := range t.Attributes {
		if value != "" {
			a[name] = value
		}
	}
	if t.fifo() && a["ContentBasedDeduplication"] == "" {
		a["ContentBasedDeduplication"] = "false"
	}
	return &snsapi.GetTopicAttributesResponse{Attributes: a}, nil
}

// defaultPolicy is the policy of a topic that was given none: its owner may do
// everything.
func (t *topic) defaultPolicy() string {
	actions := []string{
		"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic",
		"SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
	}
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},"Action":["` +
		strings.Join(actions, `","`) + `"],"Resource":"` + t.ARN + `","Condition":{"StringEquals":{"AWS:SourceOwner":"` + t.Account + `"}}}]}`
}

func (s *Service) setTopicAttributes(ctx context.Context, in *snsapi.SetTopicAttributesInput) (*wire.Nothing, error) {
	value := ""
	if in.AttributeValue != nil {
		value = *in.AttributeValue
	}
	return nil, s.changeTopic(ctx, in.TopicArn, func(t *topic) error {
		if in.AttributeName == "FifoTopic" {
			return invalid("AttributeName")
		}
		if err := checkTopicAttribute(in.AttributeName, value); err != nil {
			return err
		}
		t.Attributes[in.AttributeName] = value
		return nil
	})
}

func (s *Service) listTopics(ctx context.Context, in *snsapi.ListTopicsInput) (*snsapi.ListTopicsResponse, error) {
	c := wire.CallerFrom(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	var arns []string
	for arn, t := range s.topics {
		if t.Account == c.Account && t.Region == c.Region {
			arns = append(arns, arn)
		}
	}
	slices.Sort(arns)
	arns, next := wire.Page(arns, wire.Value(in.NextToken), pageSize)
	out := &snsapi.ListTopicsResponse{Topics: []snsapi.Topic{}, NextToken: next}
	for i := range arns {
		out.Topics = append(out.Topics, snsapi.Topic{TopicArn: &arns[i]})
	}
	return out, nil
}

// maxTags is how many tags a topic may have.
const maxTags = 50

// withTags returns tags with more added or replaced.
func withTags(ctx context.Context, tags map[string]string, more []snsapi.Tag) (map[string]string, error) {
	merged := cloned(tags)
	for _, t := range more {
		if reserved(ctx, t.Key) {
			return nil, invalid("Tags Reason: Tag keys that begin with aws: are reserved: %s", t.Key)
		}
		merged[t.Key] = t.Value
	}
	if len(merged) > maxTags {
		return nil, snsapi.NewTagLimitExceededException("Could not complete request: tag quota of per resource exceeded")
	}
	return merged, nil
}

// tagged makes the error of a topic that is not there that of the tag operations.
func tagged(err error) error {
	if wire.IsCode(err, "NotFoundException") {
		return snsapi.NewResourceNotFoundException("Resource does not exist")
	}
	return err
}

func (s *Service) tagResource(ctx context.Context, in *snsapi.TagResourceRequest) (*snsapi.TagResourceResponse, error) {
	return nil, tagged(s.changeTopic(ctx, in.ResourceArn, func(t *topic) error {
		var err error
		t.Tags, err = withTags(ctx, t.Tags, in.Tags)
		return err
	}))
}

func (s *Service) untagResource(ctx context.Context, in *snsapi.UntagResourceRequest) (*snsapi.UntagResourceResponse, error) {
	return nil, tagged(s.changeTopic(ctx, in.ResourceArn, func(t *topic) error {
		for _, key := range in.TagKeys {
			delete(t.Tags, key)
		}
		return nil
	}))
}

func (s *Service) listTagsForResource(ctx context.Context, in *snsapi.ListTagsForResourceRequest) (*snsapi.ListTagsForResourceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.topicAt(ctx, in.ResourceArn)
	if err != nil {
		return nil, tagged(err)
	}
	out := &snsapi.ListTagsForResourceResponse{Tags: []snsapi.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		out.Tags = append(out.Tags, snsapi.Tag{Key: key, Value: t.Tags[key]})
	}
	return out, nil
}
