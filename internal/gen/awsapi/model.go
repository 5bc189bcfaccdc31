package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

// A model is a service model in botocore's form.
type model struct {
	Metadata struct {
		APIVersion         string          `json:"apiVersion"`
		AWSQueryCompatible json.RawMessage `json:"awsQueryCompatible"`
		EndpointPrefix     string          `json:"endpointPrefix"`
		SigningName        string          `json:"signingName"`
		JSONVersion        string          `json:"jsonVersion"`
		Protocols          []string        `json:"protocols"`
		ServiceID          string          `json:"serviceId"`
		TargetPrefix       string          `json:"targetPrefix"`
		XMLNamespace       string          `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`

	errorNamespace string
}

type operation struct {
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input  *ref  `json:"input"`
	Output *ref  `json:"output"`
	Errors []ref `json:"errors"`

	// root and unwrapped are set by corrections.
	root      string
	unwrapped bool
}

// A ref points to a shape and says how it is bound there.
type ref struct {
	Shape            string `json:"shape"`
	Location         string `json:"location"`
	LocationName     string `json:"locationName"`
	ResultWrapper    string `json:"resultWrapper"`
	TimestampFormat  string `json:"timestampFormat"`
	IdempotencyToken bool   `json:"idempotencyToken"`
	Streaming        bool   `json:"streaming"`
}

type shape struct {
	Type            string       `json:"type"`
	Members         members      `json:"members"`
	Required        []string     `json:"required"`
	Member          *ref         `json:"member"`
	Key             *ref         `json:"key"`
	Value           *ref         `json:"value"`
	Enum            []string     `json:"enum"`
	Pattern         string       `json:"pattern"`
	Min             *json.Number `json:"min"`
	Max             *json.Number `json:"max"`
	Flattened       bool         `json:"flattened"`
	Union           bool         `json:"union"`
	Payload         string       `json:"payload"`
	TimestampFormat string       `json:"timestampFormat"`
	Streaming       bool         `json:"streaming"`
	Exception       bool         `json:"exception"`
	Fault           bool         `json:"fault"`
	Error           *struct {
		Code        string `json:"code"`
		Status      int    `json:"httpStatusCode"`
		SenderFault bool   `json:"senderFault"`
	} `json:"error"`

	// nullElems is set by corrections.
	nullElems bool
}

// members are a structure's members in the order in which the model lists them.
type members []member

type member struct {
	name string
	ref
}

// UnmarshalJSON keeps the order, which a map would lose.
func (ms *members) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.ref); err != nil {
			return fmt.Errorf("member %s: %w", m.name, err)
		}
		*ms = append(*ms, m)
	}
	return nil
}

// corrections are what is known to differ from the models.
type corrections map[string]struct {
	ErrorNamespace string `json:"errorNamespace"`
	XMLNamespace   string `json:"xmlNamespace"`
	Shapes         map[string]struct {
		Pattern   *string      `json:"pattern"`
		Min       *json.Number `json:"min"`
		Max       *json.Number `json:"max"`
		NullElems bool         `json:"nullElems"`
		Enum      []string     `json:"enum"`
		Required  []string     `json:"required"`
	} `json:"shapes"`
	Operations map[string]struct {
		ResponseCode int `json:"responseCode"`
		// Root is the root element of the answer in restXml.
		Root string `json:"root"`
		// Unwrapped says that the only member is that root.
		Unwrapped bool `json:"unwrapped"`
	} `json:"operations"`
}

// load reads the model called name from dir, with its corrections.
func load(dir, name string) (*model, error) {
	text, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	text, err = os.ReadFile(filepath.Join(dir, "corrections.json"))
	if os.IsNotExist(err) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	var all corrections
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("corrections.json: %w", err)
	}
	c := all[name]
	m.errorNamespace = c.ErrorNamespace
	if c.XMLNamespace != "" {
		m.Metadata.XMLNamespace = c.XMLNamespace
	}
	for shapeName, k := range c.Shapes {
		s := m.Shapes[shapeName]
		if s == nil {
			return nil, fmt.Errorf("corrections.json: no shape %s in the model", shapeName)
		}
		if k.Pattern != nil {
			s.Pattern = *k.Pattern
		}
		if k.Min != nil {
			s.Min = k.Min
		}
		if k.Max != nil {
			s.Max = k.Max
		}
		if k.Enum != nil {
			s.Enum = k.Enum
		}
		if k.Required != nil {
			s.Required = k.Required
		}
		s.nullElems = k.NullElems
	}
	for opName, k := range c.Operations {
		op := m.Operations[opName]
		if op == nil {
			return nil, fmt.Errorf("corrections.json: no operation %s in the model", opName)
		}
		if k.ResponseCode != 0 {
			op.HTTP.ResponseCode = k.ResponseCode
		}
		op.root, op.unwrapped = k.Root, k.Unwrapped
	}
	return m, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
