package localcloud_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, config localcloud.Config) *localcloud.Cloud {
	t.Helper()
	cloud, err := localcloud.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return cloud
}

// timeIn is what time it is in a cloud, by the header of an answer.
func timeIn(t *testing.T, cloud *localcloud.Cloud) time.Time {
	t.Helper()
	answer := httptest.NewRecorder()
	cloud.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	now, err := time.Parse(time.RFC3339Nano, answer.Header().Get(localcloud.TimeHeader))
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func TestEveryAnswerOfAFastCloudSaysSo(t *testing.T) {
	machine := clock.NewVirtual(noon)
	fast := open(t, localcloud.Config{Clock: machine, Speed: 60})
	defer fast.Close()
	machine.Set(noon.Add(time.Minute))
	if got, want := timeIn(t, fast), noon.Add(time.Hour); !got.Equal(want) {
		t.Errorf("after a minute it is %s in the cloud, want %s", got, want)
	}
	server := httptest.NewServer(fast.Handler())
	defer server.Close()
	for _, c := range []struct {
		name, method, path, target, body string
		status                           int
	}{
		{"nothing", http.MethodGet, "/", "", "", 0},
		{"Step Functions", http.MethodPost, "/", "AWSStepFunctions.ListStateMachines", "{}", 200},
		{"Step Functions, an error", http.MethodPost, "/", "AWSStepFunctions.DescribeStateMachine", "{}", 400},
		{"CodeDeploy", http.MethodPost, "/", "CodeDeploy_20141006.ListDeployments", "{}", 200},
		{"CodeDeploy, an error", http.MethodPost, "/", "CodeDeploy_20141006.GetDeployment", "{}", 400},
		{"Logs", http.MethodPost, "/", "Logs_20140328.DescribeLogGroups", "{}", 200},
		{"EventBridge, an error", http.MethodPost, "/", "AWSEvents.DescribeRule", `{"Name": "none"}`, 400},
		{"CloudFormation", http.MethodPost, "/", "", "Action=ListStacks&Version=2010-05-15", 200},
		{"CloudFormation, an error", http.MethodPost, "/", "", "Action=DescribeStacks&Version=2010-05-15&StackName=none", 400},
		{"CloudWatch", http.MethodPost, "/", "", "Action=DescribeAlarms&Version=2010-08-01", 200},
		{"SNS", http.MethodPost, "/", "", "Action=ListTopics&Version=2010-03-31", 200},
		{"IAM, an error", http.MethodPost, "/", "", "Action=GetRole&Version=2010-05-08&RoleName=none", 404},
		{"STS", http.MethodPost, "/", "", "Action=GetCallerIdentity&Version=2011-06-15", 200},
		{"Lambda", http.MethodGet, "/2015-03-31/functions/", "", "", 200},
		{"Lambda, an error", http.MethodGet, "/2015-03-31/functions/none", "", "", 404},
		{"S3", http.MethodPut, "/bucket", "", "", 200},
		{"S3, an error", http.MethodGet, "/bucket/none", "", "", 404},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.target != "":
			request.Header.Set("X-Amz-Target", c.target)
			request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		case c.body != "":
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if c.status != 0 && answer.StatusCode != c.status {
			t.Errorf("%s: the answer is %s, want %d", c.name, answer.Status, c.status)
		}
		if got := answer.Header.Get(localcloud.SpeedHeader); got != "60" {
			t.Errorf("%s: the speed is %q, want 60", c.name, got)
		}
		if got, err := time.Parse(time.RFC3339Nano, answer.Header.Get(localcloud.TimeHeader)); err != nil || !got.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: the time there is %s (%v), want %s", c.name, got, err, noon.Add(time.Hour))
		}
		date, err := http.ParseTime(answer.Header.Get("Date"))
		if age := (clock.System{}).Now().Sub(date); err != nil || age < 0 || age > time.Minute {
			t.Errorf("%s: Date is %s old (%v), want the machine's time, by which SDKs set the clock that they sign by", c.name, age, err)
		}
	}

	slow := open(t, localcloud.Config{Clock: machine})
	defer slow.Close()
	answer := httptest.NewRecorder()
	slow.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if answer.Header().Get(localcloud.SpeedHeader) != "" || answer.Header().Get(localcloud.TimeHeader) != "" {
		t.Error("a cloud in the machine's time says something about speed")
	}
}

func TestTheTimesInAnswersAreTheCloudsAndSDKsWorkOn(t *testing.T) {
	machine := clock.NewVirtual(clock.System{}.Now())
	cloud := open(t, localcloud.Config{Clock: machine, Speed: 600})
	defer cloud.Close()
	server := httptest.NewServer(cloud.Handler())
	defer server.Close()
	machine.Set(machine.Now().Add(time.Minute)) // ten hours there
	client := sfn.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	for range 3 { // an SDK that took the cloud's time for its own would be far off by now
		if _, err := client.ListActivities(t.Context(), &sfn.ListActivitiesInput{}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := client.CreateActivity(t.Context(), &sfn.CreateActivityInput{Name: aws.String("pack")})
	if err != nil {
		t.Fatal(err)
	}
	if off := made.CreationDate.Sub(timeIn(t, cloud)).Abs(); off > time.Second {
		t.Errorf("it was created %s from the cloud's time", off)
	}
}

func TestAMetricWithTheMachinesTimeOfJustNowIsOfNow(t *testing.T) {
	machine := clock.NewVirtual(noon)
	cloud := open(t, localcloud.Config{Clock: machine, Speed: 60})
	defer cloud.Close()
	machine.Set(noon.Add(30 * time.Minute)) // 18:00 on the next day there
	client := cloudwatch.NewFromConfig(cloud.AWSConfig())
	now := timeIn(t, cloud)
	put := func(name string, at time.Time) {
		t.Helper()
		if _, err := client.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
			Namespace: aws.String("Till"), MetricData: []cwtypes.MetricDatum{{MetricName: &name, Value: aws.Float64(1), Timestamp: &at}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	put("of a function's clock", machine.Now().Add(-time.Second))
	put("of the cloud's time", now.Add(-time.Minute))
	put("of long ago", machine.Now().Add(-time.Hour))
	for name, want := range map[string]int{"of a function's clock": 1, "of the cloud's time": 1, "of long ago": 0} {
		out, err := client.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("Till"), MetricName: &name, StartTime: aws.Time(now.Add(-10 * time.Minute)), EndTime: aws.Time(now.Add(time.Minute)),
			Period: aws.Int32(60), Statistics: []cwtypes.Statistic{cwtypes.StatisticSum},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Datapoints) != want {
			t.Errorf("%s: %d datapoints of the last ten minutes, want %d", name, len(out.Datapoints), want)
		}
	}
}

func TestACloudsTimeNeverGoesBack(t *testing.T) {
	dir := t.TempDir()
	machine := clock.NewVirtual(noon)
	cloud := open(t, localcloud.Config{Clock: machine, Dir: dir, Speed: 60})
	for range 60 { // each second what is due is done
		machine.Set(machine.Now().Add(time.Second))
		for _, p := range cloud.Processes() {
			if at, ok := p.Next(); ok && !at.After(timeIn(t, cloud)) {
				if err := p.Run(t.Context(), timeIn(t, cloud)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	before := timeIn(t, cloud)
	if err := cloud.Close(); err != nil {
		t.Fatal(err)
	}
	if before.Before(noon.Add(59 * time.Minute)) {
		t.Fatalf("after a minute it is %s in the cloud, want about 13:00", before)
	}
	cloud = open(t, localcloud.Config{Clock: machine, Dir: dir}) // not fast any more
	defer cloud.Close()
	after := timeIn(t, cloud)
	if after.Before(before) || after.After(before.Add(15*time.Minute)) {
		t.Errorf("started again it is %s in the cloud, want it at %s or a little later", after, before)
	}
	machine.Set(machine.Now().Add(time.Minute))
	if got, want := timeIn(t, cloud), after.Add(time.Minute); !got.Equal(want) {
		t.Errorf("a minute later it is %s, want %s", got, want)
	}
}

func TestASpeedThatMeansNothingIsRefused(t *testing.T) {
	for _, speed := range []float64{-1, 0.5, localcloud.MaxSpeed + 1} {
		if cloud, err := localcloud.Open(localcloud.Config{Speed: speed}); err == nil {
			cloud.Close()
			t.Errorf("a speed of %v was taken", speed)
		}
	}
}
