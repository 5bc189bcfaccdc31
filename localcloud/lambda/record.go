package lambda

import (
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// The kinds of records. A function's parts are kept under its id, not its name,
// so that one which is created again does not inherit them. Code is kept beside
// the journal, in files that are safe before a record names them.
const (
	recordFunction = "lambda.function" // id
	recordVersion  = "lambda.version"  // id/number; 0 is $LATEST
	recordAlias    = "lambda.alias"    // id/name
	recordLayer    = "lambda.layer"    // ARN
	recordSigning  = "lambda.signing"  // id
	recordEvent    = "lambda.event"    // request id/number
	recordEpoch    = "lambda.epoch"
)

// The values of records are JSON. A member may be added; what a member means
// does not change, so that an older directory can be read for good.
type (
	functionRecord struct {
		Place       place                   `json:"place"`
		Name        string                  `json:"name"`
		LastVersion int                     `json:"lastVersion,omitempty"`
		Tags        map[string]string       `json:"tags,omitempty"`
		Reserved    *int                    `json:"reserved,omitempty"`
		Policies    map[string]*policy      `json:"policies,omitempty"`
		Events      map[string]*eventConfig `json:"events,omitempty"`
		URLs        map[string]*urlConfig   `json:"urls,omitempty"`
		Provisioned map[string]*provision   `json:"provisioned,omitempty"`
		Recursion   string                  `json:"recursion,omitempty"`
		Signing     string                  `json:"signing,omitempty"`
	}

	versionRecord struct {
		Function    string    `json:"function"`
		Number      int       `json:"number"`
		Revision    string    `json:"revision"`
		Settled     string    `json:"settled"`
		Settles     time.Time `json:"settles"`
		Creating    bool      `json:"creating,omitempty"`
		Description *string   `json:"description,omitempty"`
		Settings    settings  `json:"settings"`
		SHA256      string    `json:"sha256"`
		Size        int64     `json:"size"`
		Modified    time.Time `json:"modified"`
	}

	aliasRecord struct {
		Function    string  `json:"function"`
		Name        string  `json:"name"`
		Revision    string  `json:"revision"`
		Description string  `json:"description,omitempty"`
		Version     string  `json:"version"`
		Other       string  `json:"other,omitempty"`
		Weight      float64 `json:"weight,omitempty"`
	}

	layerRecord struct {
		Place    place                `json:"place"`
		Name     string               `json:"name"`
		Last     int                  `json:"last"`
		Versions []layerVersionRecord `json:"versions"`
	}

	layerVersionRecord struct {
		Number        int       `json:"number"`
		Description   string    `json:"description,omitempty"`
		Licence       *string   `json:"licence,omitempty"`
		Runtimes      []string  `json:"runtimes"`
		Architectures []string  `json:"architectures"`
		Created       time.Time `json:"created"`
		SHA256        string    `json:"sha256"`
		Size          int64     `json:"size"`
		Policy        *policy   `json:"policy,omitempty"`
	}
)

func (f *function) versionKey(v *version) string { return f.id + "/" + idPart(v.number) }

func (f *function) aliasKey(a *alias) string { return f.id + "/" + a.name }

// changes returns the records that take the journal from one control to the
// next; old is nil for a new function.
func (f *function) changes(old, next *control) []journal.Record {
	records := []journal.Record{journal.JSON(recordFunction, f.id, functionRecord{
		Place:       f.space.place,
		Name:        f.name,
		LastVersion: next.lastVersion,
		Tags:        next.tags,
		Reserved:    next.reserved,
		Policies:    next.policies,
		Events:      next.events,
		URLs:        next.urls,
		Provisioned: next.provisioned,
		Recursion:   next.recursion,
		Signing:     next.signing,
	})}
	was := map[string]any{}
	if old != nil {
		for _, v := range old.all() {
			was[f.versionKey(v)] = v
		}
		for _, a := range old.aliases {
			was["alias/"+f.aliasKey(a)] = a
		}
	}
	for _, v := range next.all() {
		key := f.versionKey(v)
		if was[key] != v {
			records = append(records, journal.JSON(recordVersion, key, versionRecord{
				Function: f.id, Number: v.number, Revision: v.revision, Settled: v.settled, Settles: v.settles,
				Creating: v.creating, Description: v.description, Settings: v.settings,
				SHA256: v.code.SHA256, Size: v.code.Size, Modified: v.modified,
			}))
		}
		delete(was, key)
	}
	for _, a := range next.aliases {
		key := f.aliasKey(a)
		if was["alias/"+key] != a {
			records = append(records, journal.JSON(recordAlias, key, aliasRecord{
				Function: f.id, Name: a.name, Revision: a.revision, Description: a.description,
				Version: a.version, Other: a.other, Weight: a.weight,
			}))
		}
		delete(was, "alias/"+key)
	}
	for _, gone := range was {
		switch gone := gone.(type) {
		case *version:
			records = append(records, journal.Deletion(recordVersion, f.versionKey(gone)))
		case *alias:
			records = append(records, journal.Deletion(recordAlias, f.aliasKey(gone)))
		}
	}
	return records
}

// deletion returns the records that end a function.
func (f *function) deletion(c *control) []journal.Record {
	records := []journal.Record{journal.Deletion(recordFunction, f.id)}
	for _, v := range c.all() {
		records = append(records, journal.Deletion(recordVersion, f.versionKey(v)))
	}
	for _, a := range c.aliases {
		records = append(records, journal.Deletion(recordAlias, f.aliasKey(a)))
	}
	return records
}

func (sp *space) layerRecord(l *layer, last int, versions []*layerVersion) journal.Record {
	r := layerRecord{Place: sp.place, Name: l.name, Last: last}
	for _, v := range versions {
		r.Versions = append(r.Versions, layerVersionRecord{
			Number: v.number, Description: v.description, Licence: v.licence, Runtimes: v.runtimes, Architectures: v.architectures,
			Created: v.created, SHA256: v.content.SHA256, Size: v.content.Size, Policy: v.policy,
		})
	}
	return journal.JSON(recordLayer, l.arn, r)
}
