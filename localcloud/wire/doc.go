// Package wire speaks AWS's protocols: it decodes requests, validates them, and
// encodes answers and errors, all from the service models.
//
// A service describes itself as an [API]: its [Service], which is generated from
// the model, and one [Row] per operation that it implements. A [Server] answers
// the requests of many APIs at one endpoint, in whichever protocol they come:
// awsJson 1.0 and 1.1, query, restJson1, restXml and rpc-v2-cbor.
//
//	func (s *States) API() wire.API {
//		return wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
//			wire.Op(sfnapi.StartExecution, s.startExecution),
//		}}
//	}
//
//	func (s *States) startExecution(ctx context.Context, in *sfnapi.StartExecutionInput) (*sfnapi.StartExecutionOutput, error) {
//		caller := wire.CallerFrom(ctx)
//		m, ok := s.machines[in.StateMachineArn]
//		if !ok {
//			return nil, sfnapi.NewStateMachineDoesNotExist("State Machine Does Not Exist: '" + in.StateMachineArn + "'")
//		}
//		...
//	}
//
//	server := wire.NewServer(wire.Config{}, states.API(), monitoring.API())
//	http.ListenAndServe(address, server)                      // from outside
//	sfn.New(sfn.Options{HTTPClient: server.Client(), ...})    // from inside, without a socket
//	server.Call(ctx, "sfn", "startExecution", params)         // from a state machine's task
//
// What happens to a request, in this order: the operation is found by the
// request's form, the body is decoded, the input is checked against the model's
// constraints, the operation runs, its output or error is encoded. An operation
// is called with a valid input only: what the model requires is there, lengths,
// ranges, patterns and enumerations hold. What breaks a constraint is answered
// in the words of AWS's framework, all violations at once.
//
// An operation returns an error of its package's constructors, with further
// members by [Error.With]; [NewValidationError] is for constraints that are not
// in the model. An operation of the model without a row is answered with
// NotImplementedException, status 501.
//
// The package knows nothing of what operations mean, and neither reads the clock
// nor verifies signatures: any credentials are accepted. A credential's scope
// gives the region, and an access key of twelve digits is the account. Only what
// a browser sends for a page of another origin is refused, since no signature
// keeps such pages away from a server on their reader's machine.
//
// restXml is here as S3 speaks it. A bucket may be in the path or in the host;
// payloads are streams ([Stream]), freed from aws-chunked framing and checked
// against the hash that was signed; errors have S3's shape, and a request that no
// other service claims is refused in S3's words.
package wire

//go:generate go run ../../internal/gen/awsapi -models ../../models -out . sfnapi=stepfunctions cloudwatchapi=cloudwatch stsapi=sts iamapi=iam lambdaapi=lambda logsapi=logs s3api=s3 codedeployapi=codedeploy cloudformationapi=cloudformation snsapi=sns eventsapi=events
//go:generate go run ../../internal/gen/awsapi -models testdata -out internal gardenapi=garden
