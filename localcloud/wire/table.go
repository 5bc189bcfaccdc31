package wire

// A Service is what a service model says, as tables: the operations of one
// AWS service with the shapes that they take, answer and fail with. The
// packages ending in "api" below this one hold generated Services.
type Service struct {
	// ID is the service id of AWS's models, such as "SFN".
	ID string
	// Name is the service in an "aws-sdk" integration of a state machine, such
	// as "sfn": the ID in lower case, without blanks.
	Name string
	// SigningName is the service in the scope of a signature, such as "states".
	SigningName string
	// APIVersion is the date of the API, such as "2016-11-23".
	APIVersion string
	// Protocols lists what clients may speak with the service.
	Protocols []Protocol
	// TargetPrefix precedes the operation in X-Amz-Target and names the service
	// in the path of rpc-v2-cbor. Empty for services without.
	TargetPrefix string
	// XMLNamespace is the namespace of the service's XML answers.
	XMLNamespace string
	// ErrorNamespace precedes the name of a modelled error in "__type"; empty
	// when the service sends the bare name.
	ErrorNamespace string
	// QueryCompatible says that errors in JSON and CBOR also carry the code that
	// they have in the query protocol.
	QueryCompatible bool
	// Operations is sorted by name.
	Operations []Operation
	// Shapes is what the operations refer to by index.
	Shapes []Shape
	// Errors is sorted by name.
	Errors []ErrorShape
}

// errorShape returns the error whose shape is called name, or nil.
func (s *Service) errorShape(name string) *ErrorShape {
	lo, hi := 0, len(s.Errors)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.Errors[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(s.Errors) && s.Errors[lo].Name == name {
		return &s.Errors[lo]
	}
	return nil
}

// A Protocol is one of AWS's ways to put requests and answers into bytes.
type Protocol uint8

// The protocols.
const (
	JSON10   Protocol = iota + 1 // awsJson1.0
	JSON11                       // awsJson1.1
	Query                        // awsQuery: a form, answered with XML
	RestJSON                     // restJson1
	RestXML                      // restXml
	CBOR                         // rpc-v2-cbor
)

// String returns Smithy's name of the protocol.
func (p Protocol) String() string {
	switch p {
	case JSON10:
		return "awsJson1.0"
	case JSON11:
		return "awsJson1.1"
	case Query:
		return "awsQuery"
	case RestJSON:
		return "restJson1"
	case RestXML:
		return "restXml"
	case CBOR:
		return "rpc-v2-cbor"
	default:
		return "unknown protocol"
	}
}

// None is the index of no shape: an operation without input or output.
const None = -1

// An Operation is one row of a service model's operations.
type Operation struct {
	Name string
	// Input and Output are indexes of structures in Service.Shapes, or None.
	Input, Output int
	// Method and URI are the binding of the rest protocols: a verb, and a path
	// with {labels}, the last of which may be {greedy+}. A query part is fixed.
	Method, URI string
	// Status is the HTTP status of success; 0 means 200.
	Status int
	// ResultWrapper is the XML element around the output in the query protocol,
	// and the output's root element in restXml; empty means the default.
	ResultWrapper string
	// Unwrapped says that the output's only member is the root element, without
	// one for the output (restXml).
	Unwrapped bool
}

// Typed is an Operation that knows the Go types of its input and output. The
// generated packages have one for each operation; Op joins it with the function
// that carries it out.
type Typed[In, Out any] struct{ *Operation }

// Nothing is the input or output of an operation that has none.
type Nothing struct{}

// A Kind is the type of a shape.
type Kind uint8

// The kinds of shapes.
const (
	Structure Kind = iota + 1
	List
	Map
	String
	Boolean
	Integer // 32 bits
	Long    // 64 bits
	Float
	Double
	Timestamp
	Blob
)

// A Shape is one type of a service model, with its constraints.
type Shape struct {
	Name string
	Kind Kind
	// Range bounds the length of strings, blobs, lists and maps, and the value
	// of numbers; nil means unbounded.
	Range *Range
	// Pattern is a regular expression that the whole of a string must match.
	Pattern string
	// Enum lists a string's legal values in the order in which AWS prints them.
	Enum []string
	// Key is the index of a map's key; Elem of a list's member or a map's value.
	Key, Elem int
	// ElemName is the XML name of a list's member, KeyName and ElemName those of
	// a map's key and value; empty means "member", "key" and "value".
	KeyName, ElemName string
	// Flattened lists and maps have no element of their own in XML and forms.
	Flattened bool
	// Union structures have exactly one member set.
	Union bool
	// NullElems says that a list may hold nulls, as far as recorded messages
	// tell: it decides whether AWS prints "Member must not be null" for items.
	NullElems bool
	// TimeFormat overrides the protocol's format of a timestamp: "iso8601",
	// "unixTimestamp" or "rfc822".
	TimeFormat string
	// Members are a structure's members, in the order of the model.
	Members []Member
	// Payload is the name of the member that is the whole HTTP body in the rest
	// protocols; empty when the body holds all members that are bound to no
	// other place.
	Payload string
}

// member returns the member called name, or nil.
func (s *Shape) member(name string) *Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}

// A Range bounds a length or a number, both ends included.
type Range struct {
	Min, Max       float64
	HasMin, HasMax bool
}

// A Member is a member of a structure.
type Member struct {
	// Name is the member's name in the model.
	Name string
	// Shape is its index in Service.Shapes.
	Shape    int
	Required bool
	// Location is where the rest protocols put the member; Body by default.
	Location Location
	// LocationName is the member's name there: of the header or the query
	// parameter, or of the element in XML, forms and JSON; empty means Name.
	LocationName string
	// TimeFormat overrides the shape's TimeFormat.
	TimeFormat string
	// IdempotencyToken members are filled by clients with a fresh id.
	IdempotencyToken bool
	// Streaming blobs have no length known beforehand.
	Streaming bool
}

// wireName is the member's name in a body.
func (m *Member) wireName() string {
	if m.LocationName != "" {
		return m.LocationName
	}
	return m.Name
}

// A Location is the place of a member in an HTTP message.
type Location uint8

// The places of members.
const (
	Body Location = iota
	Header
	Headers // all headers with the prefix LocationName, as a map
	URI
	QueryString
	StatusCode
)

// An ErrorShape is a modelled error of a service.
type ErrorShape struct {
	// Name is the error's shape: its code in JSON and CBOR.
	Name string
	// QueryCode is its code in the query protocol, where that differs.
	QueryCode string
	// Status is its HTTP status.
	Status int
	// Server says that the fault is the service's; else it is the client's.
	Server bool
	// Shape is its index in Service.Shapes.
	Shape int
}
