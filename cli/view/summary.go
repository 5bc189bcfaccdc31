package view

import "strings"

// summaryEvents is how many of the last events a summary has.
const summaryEvents = 5

// wholeSentence is more lines than any sentence has.
const wholeSentence = 20

// Summary draws a scene for somebody who looks once: the sentence, the bars,
// what comes next, the checks and the last events, without keys or a picture
// that only makes sense when it moves.
func (s Style) Summary(sc Scene, width int) []string {
	lines := s.top(sc, width, wholeSentence)
	lines = append(lines, s.Faint(s.Text(next(sc, Plot(sc.Plan, sc.Status, sc.Events, sc.Now)))))
	if rows := s.Checks(sc.Plan, sc.Status.Findings, sc.Outcomes); len(rows) > 0 {
		lines = append(lines, "")
		lines = append(lines, s.Table(checkHead, rows, width)...)
	}
	if len(sc.Events) > 0 {
		lines = append(lines, "")
	}
	for _, e := range sc.Events[max(0, len(sc.Events)-summaryEvents):] {
		lines = append(lines, strings.Split(s.Wrap(s.EventLine(e, sc.Now), width), "\n")...)
	}
	return lines
}
