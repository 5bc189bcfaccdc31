package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metricmath"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
)

// maxFound is how many metrics a SEARCH returns at most.
const maxFound = 500

// find carries out SEARCH('{Namespace,Dimension} term term', 'statistic', period).
func (r *run) find(expression, statistic string, period int64) (metricmath.Array, error) {
	wanted, err := parseSearch(expression)
	if err != nil {
		return nil, invalid("Error in SEARCH('%s'): %v", expression, err)
	}
	st, err := metrics.ParseStatistic(statistic)
	if err != nil || period > 1<<31 || !isPeriod(int32(period)) {
		return nil, invalid("Error in SEARCH('%s'): %q and %d are not a statistic and a period", expression, statistic, period)
	}
	found := r.store.List(r.scope, func(m metrics.Metric, last time.Time) bool {
		return last.Unix() >= r.from && wanted.matches(m)
	})
	out := metricmath.Array{}
	for _, m := range found[:min(len(found), maxFound)] {
		periods, err := r.store.Read(r.scope, metrics.Query{
			Metric: m, From: time.Unix(align(r.from, period), 0), To: time.Unix(r.to, 0),
			Period: time.Duration(period) * time.Second, Values: st.Extended(),
		})
		if err != nil {
			return nil, err
		}
		series := &metricmath.Series{Label: searchLabel(m), Period: period}
		for i := range periods {
			if v, ok := st.Of(&periods[i]); ok {
				series.Times = append(series.Times, periods[i].Start.Unix())
				series.Values = append(series.Values, v)
			}
		}
		out = append(out, series)
	}
	return out, nil
}

// searchLabel names a metric that was found by its dimensions' values and name.
func searchLabel(m metrics.Metric) string {
	var parts []string
	for _, d := range m.Dimensions {
		parts = append(parts, d.Value)
	}
	return strings.Join(append(parts, m.Name), " ")
}

// A search is what SEARCH looks for: a schema, which is a namespace with the
// exact names of dimensions, and terms.
type search struct {
	hasSchema  bool
	namespace  string
	dimensions []string
	term       term // nil accepts everything
}

func (s *search) matches(m metrics.Metric) bool {
	if s.hasSchema {
		if m.Namespace != s.namespace || len(m.Dimensions) != len(s.dimensions) {
			return false
		}
		for _, d := range m.Dimensions {
			if !slices.Contains(s.dimensions, d.Name) {
				return false
			}
		}
	}
	return s.term == nil || s.term(m)
}

// A term says whether a metric fits.
type term func(m metrics.Metric) bool

// searchParser reads terms: word, "exact words", property=value, AND, OR, NOT and
// parentheses; what stands side by side is joined by AND.
type searchParser struct {
	tokens []searchToken
}

type searchToken struct {
	text   string
	quoted bool
}

func parseSearch(expression string) (*search, error) {
	s := &search{}
	text := strings.TrimSpace(expression)
	if inside, ok := strings.CutPrefix(text, "{"); ok {
		schema, rest, ok := strings.Cut(inside, "}")
		if !ok {
			return nil, fmt.Errorf("the schema has no end")
		}
		var names []string
		for name := range strings.SplitSeq(schema, ",") {
			names = append(names, strings.Trim(strings.TrimSpace(name), `"`))
		}
		s.hasSchema, s.namespace, s.dimensions = true, names[0], names[1:]
		text = rest
	}
	tokens, err := searchTokens(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return s, nil
	}
	p := &searchParser{tokens}
	if s.term, err = p.or(); err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, fmt.Errorf("unexpected %q", p.tokens[0].text)
	}
	return s, nil
}

func searchTokens(text string) ([]searchToken, error) {
	var out []searchToken
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return out, nil
		}
		switch c := text[0]; c {
		case '"':
			word, rest, ok := strings.Cut(text[1:], `"`)
			if !ok {
				return nil, fmt.Errorf("a quoted term has no end")
			}
			out, text = append(out, searchToken{word, true}), rest
		case '(', ')', '=':
			out, text = append(out, searchToken{string(c), false}), text[1:]
		default:
			end := strings.IndexAny(text, " \t\r\n\"()=")
			if end < 0 {
				end = len(text)
			}
			out, text = append(out, searchToken{text[:end], false}), text[end:]
		}
	}
}

// is says whether the next token is a word of the language.
func (p *searchParser) is(word string) bool {
	return len(p.tokens) > 0 && !p.tokens[0].quoted && p.tokens[0].text == word
}

func (p *searchParser) take(word string) bool {
	if !p.is(word) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *searchParser) or() (term, error) {
	left, err := p.and()
	for err == nil && p.take("OR") {
		var right term
		right, err = p.and()
		a := left
		left = func(m metrics.Metric) bool { return a(m) || right(m) }
	}
	return left, err
}

func (p *searchParser) and() (term, error) {
	left, err := p.not()
	for err == nil && len(p.tokens) > 0 && !p.is("OR") && !p.is(")") {
		p.take("AND")
		var right term
		right, err = p.not()
		a := left
		left = func(m metrics.Metric) bool { return a(m) && right(m) }
	}
	return left, err
}

func (p *searchParser) not() (term, error) {
	if p.take("NOT") {
		t, err := p.not()
		return func(m metrics.Metric) bool { return !t(m) }, err
	}
	if p.take("(") {
		t, err := p.or()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return t, err
	}
	if len(p.tokens) == 0 || p.is(")") || p.is("=") {
		return nil, fmt.Errorf("a term is missing")
	}
	word := p.tokens[0]
	p.tokens = p.tokens[1:]
	if !p.take("=") {
		return func(m metrics.Metric) bool { return anywhere(m, word) }, nil
	}
	return p.property(word.text)
}

// property reads what follows property=: a value, or values in parentheses
// joined by OR.
func (p *searchParser) property(name string) (term, error) {
	var values []searchToken
	grouped := p.take("(")
	for {
		if len(p.tokens) == 0 || p.is(")") || p.is("=") || p.is("(") {
			return nil, fmt.Errorf("the value of %s is missing", name)
		}
		values = append(values, p.tokens[0])
		p.tokens = p.tokens[1:]
		if !grouped || p.take(")") {
			break
		}
		if !p.take("OR") {
			return nil, fmt.Errorf("the values of %s want OR between them", name)
		}
	}
	return func(m metrics.Metric) bool {
		has, ok := propertyOf(m, name)
		return ok && slices.ContainsFunc(values, func(v searchToken) bool { return fits(has, v) })
	}, nil
}

func propertyOf(m metrics.Metric, name string) (string, bool) {
	switch name {
	case "Namespace":
		return m.Namespace, true
	case "MetricName":
		return m.Name, true
	}
	for _, d := range m.Dimensions {
		if d.Name == name {
			return d.Value, true
		}
	}
	return "", false
}

// fits says whether a text is the quoted value, or holds the bare one.
func fits(text string, v searchToken) bool {
	if v.quoted {
		return text == v.text
	}
	return strings.Contains(strings.ToLower(text), strings.ToLower(v.text))
}

// anywhere says whether any part of a metric's identity fits.
func anywhere(m metrics.Metric, v searchToken) bool {
	if fits(m.Namespace, v) || fits(m.Name, v) {
		return true
	}
	return slices.ContainsFunc(m.Dimensions, func(d metrics.Dimension) bool { return fits(d.Name, v) || fits(d.Value, v) })
}
