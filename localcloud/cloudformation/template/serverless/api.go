package serverless

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

const (
	implicitAPI     = "ServerlessRestApi"
	implicitHTTPAPI = "ServerlessHttpApi"
)

// A route is a path of an API that a function or state machine answers.
type route struct {
	api          string // logical id
	path, method string
	integration  value
	owner        string
}

// apiOf returns the logical id of the API that an event names, or of the implicit
// one.
func (s *source) apiOf(e event, property, implicit string) (string, error) {
	given := e.get(property)
	if !given.IsDefined() {
		return implicit, nil
	}
	if target, ok := given.Get("Ref"); ok {
		return target.Str(), nil
	}
	if given.Kind() == jsonvalue.KindString {
		return given.Str(), nil
	}
	return "", fmt.Errorf("%s property must be a Ref of an API of the same template", property)
}

func (s *source) apiEvent(e event, called callee) error {
	if err := e.require("Path", "Method"); err != nil {
		return err
	}
	api, err := s.apiOf(e, "RestApiId", implicitAPI)
	if err != nil {
		return err
	}
	path, method := e.get("Path").Str(), strings.ToLower(e.get("Method").Str())
	if !strings.HasPrefix(path, "/") {
		return errors.New("Path must begin with '/'") //nolint:staticcheck // as AWS's sentences
	}
	verb := strings.ToUpper(method)
	if method == "any" {
		method, verb = "x-amazon-apigateway-any-method", "*"
	}
	s.routes = append(s.routes, route{api: api, path: path, method: method, owner: s.id, integration: obj(
		"type", str("aws_proxy"), "httpMethod", str("POST"),
		"uri", obj("Fn::Sub", list(str("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations"),
			obj("Function", called.arn))))})
	arn := obj("Fn::Sub", list(str("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/"+verb+path),
		obj("__ApiId__", ref(api), "__Stage__", str("*"))))
	return s.emit(e.id+"Permission"+s.stageOf(api), "AWS::Lambda::Permission", obj("Action", str("lambda:InvokeFunction"),
		"FunctionName", called.name, "Principal", str("apigateway.amazonaws.com"), "SourceArn", arn))
}

// stageOf is the part of a logical id that names the stage of an API.
func (s *source) stageOf(api string) string {
	r, ok := s.t.Resource(api)
	if !ok {
		return "Prod"
	}
	stage, _ := r.Properties.Get("StageName")
	if stage.Kind() != jsonvalue.KindString {
		return "Stage"
	}
	return titled(stage.Str())
}

func (s *source) machineAPIEvent(e event, called callee) error {
	if err := e.require("Path", "Method"); err != nil {
		return err
	}
	api, err := s.apiOf(e, "RestApiId", implicitAPI)
	if err != nil {
		return err
	}
	if err := s.startRole(e, "apigateway.amazonaws.com", "states:StartExecution", called.arn); err != nil {
		return err
	}
	s.routes = append(s.routes, route{api: api, path: e.get("Path").Str(), method: strings.ToLower(e.get("Method").Str()), owner: s.id,
		integration: obj("type", str("aws"), "httpMethod", str("POST"), "credentials", getAtt(e.id+"Role", "Arn"),
			"uri", sub("arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution"))})
	return nil
}

func (s *source) httpAPIEvent(e event, called callee) error {
	api, err := s.apiOf(e, "ApiId", implicitHTTPAPI)
	if err != nil {
		return err
	}
	path, method := e.get("Path").Str(), strings.ToLower(e.get("Method").Str())
	if path == "" {
		path, method = "$default", "x-amazon-apigateway-any-method"
	}
	s.routes = append(s.routes, route{api: api, path: path, method: method, owner: s.id, integration: obj(
		"type", str("aws_proxy"), "httpMethod", str("POST"), "payloadFormatVersion", str("2.0"),
		"uri", obj("Fn::Sub", list(str("arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations"),
			obj("Function", called.arn))))})
	arn := obj("Fn::Sub", list(str("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/*"), obj("__ApiId__", ref(api))))
	return s.emit(e.id+"Permission", "AWS::Lambda::Permission", obj("Action", str("lambda:InvokeFunction"),
		"FunctionName", called.name, "Principal", str("apigateway.amazonaws.com"), "SourceArn", arn))
}

// restAPI expands AWS::Serverless::Api. Its routes are added when every event is
// known.
func (s *source) restAPI() error {
	stage := s.get("StageName")
	if !stage.IsDefined() {
		return errors.New("Missing required property 'StageName'.") //nolint:staticcheck // AWS's words
	}
	body := s.get("DefinitionBody")
	var b jsonvalue.ObjectBuilder
	if body.IsDefined() {
		b.Set("Body", body)
	}
	s.copyProperties(&b, "Name", "Description", "BinaryMediaTypes", "EndpointConfiguration", "MinimumCompressionSize", "FailOnWarnings")
	if err := s.emit(s.id, "AWS::ApiGateway::RestApi", b.Value()); err != nil {
		return err
	}
	return s.apiStage(s.id, s.id, stage)
}

func (x *expansion) apiStage(api, owner string, stage value) error {
	deployment := api + "Deployment"
	name := "Stage"
	if stage.Kind() == jsonvalue.KindString {
		name = titled(stage.Str()) + "Stage"
	}
	x.out.Set(deployment, obj("Type", str("AWS::ApiGateway::Deployment"), "Properties", obj(
		"RestApiId", ref(api), "StageName", str("Stage"))))
	x.out.Set(api+name, obj("Type", str("AWS::ApiGateway::Stage"), "Properties", obj(
		"RestApiId", ref(api), "DeploymentId", ref(deployment), "StageName", stage)))
	x.origin[deployment], x.origin[api+name] = []string{owner}, []string{owner}
	return nil
}

// httpAPI expands AWS::Serverless::HttpApi.
func (s *source) httpAPI() error {
	var b jsonvalue.ObjectBuilder
	if body := s.get("DefinitionBody"); body.IsDefined() {
		b.Set("Body", body)
	}
	s.copyProperties(&b, "Name", "Description", "FailOnWarnings", "CorsConfiguration", "DisableExecuteApiEndpoint")
	if err := s.emit(s.id, "AWS::ApiGatewayV2::Api", b.Value()); err != nil {
		return err
	}
	return s.httpStage(s.id, s.id, s.get("StageName"))
}

func (x *expansion) httpStage(api, owner string, stage value) error {
	if !stage.IsDefined() {
		stage = str("$default")
	}
	id := api + "ApiGatewayDefaultStage"
	x.out.Set(id, obj("Type", str("AWS::ApiGatewayV2::Stage"), "Properties", obj(
		"ApiId", ref(api), "StageName", stage, "AutoDeploy", jsonvalue.Bool(true))))
	x.origin[id] = []string{owner}
	return nil
}

// implicitAPIs adds the APIs that events assume, and gives every API its routes.
func (x *expansion) implicitAPIs() error {
	paths := map[string]value{}
	var order []string
	for _, r := range x.routes {
		p, seen := paths[r.api]
		if !seen {
			order = append(order, r.api)
		}
		methods, _ := p.Get(r.path)
		paths[r.api] = p.With(r.path, methods.With(r.method, obj("x-amazon-apigateway-integration", r.integration, "responses", obj())))
		if _, exists := x.out.Get(r.api); exists || r.api != implicitAPI && r.api != implicitHTTPAPI {
			continue
		}
		x.origin[r.api] = []string{r.owner}
		x.current = r.owner
		if r.api == implicitAPI {
			x.out.Set(r.api, obj("Type", str("AWS::ApiGateway::RestApi"), "Properties", obj()))
			if err := x.apiStage(r.api, r.owner, str("Prod")); err != nil {
				return err
			}
			continue
		}
		x.out.Set(r.api, obj("Type", str("AWS::ApiGatewayV2::Api"), "Properties", obj()))
		if err := x.httpStage(r.api, r.owner, value{}); err != nil {
			return err
		}
	}
	for _, api := range order {
		x.edits = append(x.edits, edit{api, func(r value) value { return withPaths(r, paths[api]) }})
	}
	return nil
}

// withPaths adds routes to the document of an API.
func withPaths(r, paths value) value {
	properties, _ := r.Get("Properties")
	body, ok := properties.Get("Body")
	if !ok {
		body = obj("swagger", str("2.0"), "info", obj("version", str("1.0"), "title", ref("AWS::StackName")), "paths", obj())
		if kind, _ := r.Get("Type"); kind.Str() == "AWS::ApiGatewayV2::Api" {
			body = obj("openapi", str("3.0.1"), "info", obj("version", str("1.0"), "title", ref("AWS::StackName")), "paths", obj())
		}
	}
	if isCall(body) {
		return r // what is included has its paths already
	}
	existing, _ := body.Get("paths")
	return r.With("Properties", properties.With("Body", body.With("paths", mergeValues(paths, existing))))
}
