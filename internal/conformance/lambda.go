package conformance

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// LambdaParams returns params as an SDK's input is made of: recordings have the
// payload of an invocation as text or as a blob.
func LambdaParams(operation string, params map[string]any) map[string]any {
	payload, ok := params["Payload"].(string)
	if operation != "Invoke" || !ok || !strings.HasPrefix(payload, "{") { // no base64 begins like that
		return params
	}
	out := maps.Clone(params)
	out["Payload"] = base64.StdEncoding.EncodeToString([]byte(payload))
	return out
}

// LambdaMembers adds to an answer of Lambda what SDKs take from elsewhere than
// its body: the status, headers, and for Invoke the body itself, as text.
func LambdaMembers(operation string, response map[string]any, status int, header http.Header, body []byte) map[string]any {
	if response == nil {
		response = map[string]any{}
	}
	switch operation {
	case "DeleteFunction":
		response["StatusCode"] = json.Number(strconv.Itoa(status))
	case "Invoke":
		response = map[string]any{"StatusCode": json.Number(strconv.Itoa(status)), "Payload": string(body)}
		for member, name := range map[string]string{
			"ExecutedVersion": "X-Amz-Executed-Version", "FunctionError": "X-Amz-Function-Error", "LogResult": "X-Amz-Log-Result",
		} {
			if v := header.Get(name); v != "" {
				response[member] = v
			}
		}
	}
	return response
}
