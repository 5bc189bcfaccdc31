package localcloud

import "github.com/crossfade-dev/crossfade/asl/jsonvalue"

// asSent returns the parameters of a task as the SDK under Step Functions sends
// them: where a service wants JSON as text, a value becomes its text.
//
// Source: recorded.
func asSent(service, action string, params jsonvalue.Value) jsonvalue.Value {
	switch {
	case params.Kind() != jsonvalue.KindObject:
		return params
	case service == "s3" && action == "putObject":
		return objectAsSent(params)
	case service == "sfn":
		return withText(withText(params, "Input"), "Output")
	case service == "sns" && action == "publish":
		return withText(params, "Message")
	case service == "events" && action == "putEvents":
		entries, _ := params.Get("Entries")
		for i := range entries.Len() {
			entries = entries.WithAt(i, withText(entries.At(i), "Detail"))
		}
		return params.With("Entries", entries)
	}
	return params
}

// objectAsSent is asSent for an object of a bucket: it is JSON text also when it is
// a string, and comes with a type and with a checksum of another algorithm than
// S3's own.
func objectAsSent(params jsonvalue.Value) jsonvalue.Value {
	if body, _ := params.Get("Body"); body.Kind() == jsonvalue.KindString {
		params = params.With("Body", jsonvalue.String(body.String()))
	}
	for _, m := range []jsonvalue.Member{
		{Key: "ContentType", Value: jsonvalue.String("text/plain; charset=UTF-8")},
		{Key: "ChecksumAlgorithm", Value: jsonvalue.String("CRC32")},
	} {
		if _, given := params.Get(m.Key); !given {
			params = params.With(m.Key, m.Value)
		}
	}
	return params
}

// withText makes a member that is no text the JSON of what it is.
func withText(params jsonvalue.Value, member string) jsonvalue.Value {
	v, ok := params.Get(member)
	if !ok || v.Kind() == jsonvalue.KindString {
		return params
	}
	return params.With(member, jsonvalue.String(v.String()))
}
