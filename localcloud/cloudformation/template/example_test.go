package template_test

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// named is a Resolver that calls every resource by its logical id.
type named struct{}

func (named) Ref(id string) (jsonvalue.Value, error) { return jsonvalue.String("shop-" + id), nil }

func (named) GetAtt(id, attribute string) (jsonvalue.Value, error) {
	return jsonvalue.String(id + "." + attribute), nil
}

func (named) Import(name string) (jsonvalue.Value, error) { return jsonvalue.String(name), nil }

func Example() {
	t, err := template.Parse(`
Parameters:
  Stage: {Type: String, Default: test}
Resources:
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmActions: [!Ref Topic]
      AlarmName: !Sub "${Stage}-errors"
  Topic:
    Type: AWS::SNS::Topic
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := t.Bind(template.Inputs{Parameters: map[string]string{"Stage": "prod"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	order, err := b.Order()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, id := range order {
		properties, err := b.Properties(id, named{})
		fmt.Println(id, properties, err)
	}
	// Output:
	// Topic {} <nil>
	// Alarm {"AlarmActions":["shop-Topic"],"AlarmName":"prod-errors"} <nil>
}
