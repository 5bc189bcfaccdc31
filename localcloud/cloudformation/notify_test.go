package cloudformation_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

const topic = "arn:aws:sns:eu-central-1:111122223333:deployments"

// told returns logical ids and statuses of what the topic heard of, and forgets it.
func (w *world) told() []string {
	w.service.Settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, message := range w.heard {
		fields := map[string]string{}
		for _, m := range regexp.MustCompile(`(?s)(\w+)='(.*?)'\n`).FindAllStringSubmatch(message, -1) {
			fields[m[1]] = m[2]
		}
		out = append(out, fields["LogicalResourceId"]+" "+fields["ResourceStatus"])
	}
	w.heard = nil
	return out
}

func TestTheTopicsOfAStackHearOfItsEventsInOrder(t *testing.T) {
	w := newWorld(t)
	m := &memory{}
	w.open(m)
	w.create("shop", twoTopics, topic)
	w.service.Settle()
	w.mu.Lock()
	second := w.heard[1]
	w.mu.Unlock()
	for _, want := range []string{
		"deployments: AWS CloudFormation Notification\nStackId='arn:aws:cloudformation:eu-central-1:111122223333:stack/shop/",
		"\nTimestamp='2026-03-04T05:06:07.000Z'\nEventId='First-CREATE_IN_PROGRESS-2026-03-04T05:06:07.000Z'\nLogicalResourceId='First'\nNamespace='111122223333'\nPhysicalResourceId=''\n",
		"\nResourceProperties='{\"DisplayName\":\"news\"}\n'\nResourceStatus='CREATE_IN_PROGRESS'\nResourceStatusReason=''\nResourceType='AWS::SNS::Topic'\nStackName='shop'\nClientRequestToken='null'\n",
	} {
		if !strings.Contains(second, want) {
			t.Errorf("the topic heard\n%s\nwant in it\n%s", second, want)
		}
	}
	want := "shop CREATE_IN_PROGRESS, First CREATE_IN_PROGRESS, First CREATE_IN_PROGRESS, First CREATE_COMPLETE, " +
		"Second CREATE_IN_PROGRESS, Second CREATE_IN_PROGRESS, Second CREATE_COMPLETE, shop CREATE_COMPLETE"
	if got := strings.Join(w.told(), ", "); got != want {
		t.Errorf("the topic heard of\n%s\nwant\n%s", got, want)
	}

	w.service.Close()
	w.open(m)
	w.pass(0)
	if got := w.told(); len(got) > 0 {
		t.Errorf("after a restart the topic hears again of %v", got)
	}
	w.update("shop", strings.Replace(twoTopics, "Default: news", "Default: sport", 1))
	w.is("shop", types.StackStatusUpdateComplete)
	if got := w.told(); len(got) == 0 || got[len(got)-1] != "shop UPDATE_COMPLETE" {
		t.Errorf("of an update that says nothing of topics they hear %v", got)
	}
}

func TestWhatAProcessDidNotComeToTellTheNextOneTells(t *testing.T) {
	w := newWorld(t)
	m := &memory{}
	w.open(m)
	w.create("shop", twoTopics, topic)
	w.told()
	m.mu.Lock()
	for key, value := range m.records["cloudformation.stack"] {
		m.records["cloudformation.stack"][key] = regexp.MustCompile(`"heard":\d+`).ReplaceAll(value, []byte(`"heard":6`))
	}
	m.mu.Unlock()
	w.service.Close()
	w.open(m)
	w.pass(0)
	if got, want := strings.Join(w.told(), ", "), "Second CREATE_COMPLETE, shop CREATE_COMPLETE"; got != want {
		t.Errorf("the next process told %s, want %s", got, want)
	}
}
