package asl

import (
	"maps"
	"strings"
)

// A fieldSet maps the fields that an object may have to the only query language that knows
// them; empty means both.
type fieldSet map[string]QueryLanguage

// fields makes a set. Names after "|" are JSONPath's, those after a second "|" JSONata's.
func fields(names string) fieldSet {
	set := make(fieldSet)
	for i, group := range strings.Split(names, "|") {
		for name := range strings.FieldsSeq(group) {
			set[name] = [...]QueryLanguage{"", JSONPath, JSONata}[i]
		}
	}
	return set
}

func (s fieldSet) with(others ...fieldSet) fieldSet {
	union := maps.Clone(s)
	for _, o := range others {
		maps.Copy(union, o)
	}
	return union
}

// What each object of a definition may have.
//
// Source: the tables of the Amazon States Language specification.
var (
	machineFields = fields("Comment Version StartAt States TimeoutSeconds QueryLanguage")
	branchFields  = fields("Comment StartAt States")

	commonFields  = fields("Type Comment QueryLanguage")
	inputFields   = fields("| InputPath OutputPath | Output")
	nextFields    = fields("Next End Assign")
	resultFields  = fields("Retry Catch | Parameters ResultSelector ResultPath | Arguments")
	retrierFields = fields("Comment ErrorEquals IntervalSeconds MaxAttempts BackoffRate MaxDelaySeconds JitterStrategy")
	catcherFields = fields("Comment ErrorEquals Next Assign | ResultPath | Output")
	ruleFields    = fields("Comment Next Assign | | Condition Output")

	stateFields = map[string]fieldSet{
		"Pass": commonFields.with(inputFields, nextFields, fields("| Parameters Result ResultPath")),
		"Task": commonFields.with(inputFields, nextFields, resultFields,
			fields("Resource TimeoutSeconds HeartbeatSeconds Credentials | TimeoutSecondsPath HeartbeatSecondsPath")),
		"Choice":   commonFields.with(inputFields, fields("Choices Default Assign")),
		"Wait":     commonFields.with(inputFields, nextFields, fields("Seconds Timestamp | SecondsPath TimestampPath")),
		"Succeed":  commonFields.with(inputFields),
		"Fail":     commonFields.with(fields("Error Cause | ErrorPath CausePath")),
		"Parallel": commonFields.with(inputFields, nextFields, resultFields, fields("Branches")),
		"Map": commonFields.with(inputFields, nextFields, fields("Retry Catch | Parameters ResultSelector ResultPath"),
			fields(`ItemProcessor Iterator ItemSelector MaxConcurrency ItemReader ItemBatcher ResultWriter Label
				ToleratedFailureCount ToleratedFailurePercentage
				| ItemsPath MaxConcurrencyPath ToleratedFailureCountPath ToleratedFailurePercentagePath
				| Items`)),
	}

	processorFields       = branchFields.with(fields("ProcessorConfig"))
	processorConfigFields = fields("Mode ExecutionType")
	itemReaderFields      = fields("Comment Resource ReaderConfig | Parameters | Arguments")
	readerConfigFields    = fields(`InputType CSVHeaderLocation CSVHeaders CSVDelimiter ItemsPointer MaxItems ManifestType
		Transformation | MaxItemsPath`)
	itemBatcherFields = fields(`BatchInput MaxItemsPerBatch MaxInputBytesPerBatch
		| MaxItemsPerBatchPath MaxInputBytesPerBatchPath`)
	resultWriterFields = fields("Comment Resource WriterConfig | Parameters | Arguments")
	writerConfigFields = fields("Transformation OutputType")
)

// stateTypes in the order in which AWS lists them.
var stateTypes = []string{"Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"}
