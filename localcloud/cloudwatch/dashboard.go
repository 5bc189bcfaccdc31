package cloudwatch

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const dashboardsPerPage = 1000

// A dashboard is kept as it was written. It belongs to an account, in all
// regions.
type dashboard struct {
	Owner    owner
	Name     string
	Body     string
	Modified time.Time
	Tags     []cloudwatchapi.Tag
}

func (d *dashboard) arn() string { return d.Owner.arn("dashboard/" + d.Name) }

// home returns where an account keeps what belongs to no region.
func (s *Service) home(o owner) *region {
	o.Region = ""
	return s.region(o)
}

func (s *Service) noteDashboard(d *dashboard) {
	s.writes.note(kindDashboard, d.Owner.key(d.Name), d)
}

func (s *Service) loadDashboard(_ string, d *dashboard) error {
	s.region(d.Owner).dashboards[d.Name] = d
	return nil
}

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func (s *Service) putDashboard(ctx context.Context, in *cloudwatchapi.PutDashboardInput) (*cloudwatchapi.PutDashboardOutput, error) {
	if !dashboardName.MatchString(in.DashboardName) {
		return nil, invalidValue("The value %s for field DashboardName contains invalid characters. "+
			"It can only contain alphanumerics, dash (-) and underscore (_).\n", in.DashboardName)
	}
	if err := checkDashboard(in.DashboardBody); err != nil {
		return nil, err
	}
	return &cloudwatchapi.PutDashboardOutput{DashboardValidationMessages: []cloudwatchapi.DashboardValidationMessage{}},
		s.change(ctx, func(r *region, now time.Time) error {
			home := s.home(r.owner)
			d := &dashboard{Owner: home.owner, Name: in.DashboardName, Body: in.DashboardBody, Modified: now, Tags: mergeTags(nil, in.Tags)}
			if old := home.dashboards[d.Name]; old != nil {
				d.Tags = old.Tags
			}
			home.dashboards[d.Name] = d
			s.noteDashboard(d)
			return nil
		})
}

// checkDashboard wants a JSON object whose widgets, if any, are a list of
// objects with a type.
func checkDashboard(body string) error {
	var parsed struct {
		Widgets []struct {
			Type string `json:"type"`
		} `json:"widgets"`
	}
	var path, problem string
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		path, problem = "/", "The field DashboardBody must be a valid JSON object: "+err.Error()
	}
	for _, w := range parsed.Widgets {
		if w.Type == "" {
			path, problem = "/widgets", "Each widget should have a type."
		}
	}
	if problem == "" {
		return nil
	}
	return cloudwatchapi.NewDashboardInvalidInputError("The field DashboardBody must be a valid dashboard.").
		With("dashboardValidationMessages", []cloudwatchapi.DashboardValidationMessage{{DataPath: &path, Message: &problem}})
}

func noDashboard(name string) *wire.Error {
	return cloudwatchapi.NewDashboardNotFoundError("Dashboard " + name + " does not exist")
}

func (s *Service) getDashboard(ctx context.Context, in *cloudwatchapi.GetDashboardInput) (*cloudwatchapi.GetDashboardOutput, error) {
	out := &cloudwatchapi.GetDashboardOutput{}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		d := s.home(r.owner).dashboards[in.DashboardName]
		if d == nil {
			return noDashboard(in.DashboardName)
		}
		out.DashboardArn, out.DashboardName, out.DashboardBody = wire.Optional(d.arn()), &d.Name, &d.Body
		return nil
	})
	return out, err
}

func (s *Service) listDashboards(ctx context.Context, in *cloudwatchapi.ListDashboardsInput) (*cloudwatchapi.ListDashboardsOutput, error) {
	var after string
	if in.NextToken != nil {
		if err := decodeToken(*in.NextToken, &after); err != nil {
			return nil, err
		}
	}
	out := &cloudwatchapi.ListDashboardsOutput{DashboardEntries: []cloudwatchapi.DashboardEntry{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		all := s.home(r.owner).dashboards
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if name <= after || !strings.HasPrefix(name, wire.Value(in.DashboardNamePrefix)) {
				continue
			}
			if n := len(out.DashboardEntries); n == dashboardsPerPage {
				out.NextToken = encodeToken(*out.DashboardEntries[n-1].DashboardName)
				return nil
			}
			d := all[name]
			size := int64(len(d.Body))
			out.DashboardEntries = append(out.DashboardEntries, cloudwatchapi.DashboardEntry{
				DashboardName: &d.Name, DashboardArn: wire.Optional(d.arn()), LastModified: &d.Modified, Size: &size,
			})
		}
		return nil
	})
	return out, err
}

// deleteDashboards deletes all the dashboards that are named, or none when one
// of them is not there.
func (s *Service) deleteDashboards(ctx context.Context, in *cloudwatchapi.DeleteDashboardsInput) (*cloudwatchapi.DeleteDashboardsOutput, error) {
	return nil, s.change(ctx, func(r *region, _ time.Time) error {
		home := s.home(r.owner)
		for _, name := range in.DashboardNames {
			if home.dashboards[name] == nil {
				return noDashboard(name)
			}
		}
		for _, name := range in.DashboardNames {
			delete(home.dashboards, name)
			s.writes.note(kindDashboard, home.owner.key(name), nil)
		}
		return nil
	})
}
