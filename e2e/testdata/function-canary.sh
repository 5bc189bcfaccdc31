#!/usr/bin/env bash
# A function's canary by hand with the AWS CLI: upload, publish, give the new
# version a small share of an alias, look at what CloudWatch counted for that
# version alone, then promote it or take it back. The alias has its traffic from
# elsewhere. Settings come from the environment.
set -euo pipefail

: "${FUNCTION:?}" "${ALIAS:?}" "${ARCHIVE:?}"
SHARE=${SHARE:-0.05}
SAMPLES=${SAMPLES:-5}

lambda() { aws lambda "$@" --function-name "$FUNCTION"; }

uploaded=$(lambda update-function-code --zip-file "fileb://$ARCHIVE" --query CodeSha256 --output text)
lambda wait function-updated
new=$(lambda publish-version --code-sha256 "$uploaded" --query Version --output text)
old=$(lambda get-alias --name "$ALIAS" --query FunctionVersion --output text)

weights=$(lambda update-alias --name "$ALIAS" --routing-config '{"AdditionalVersionWeights" : {"'"$new"'" : '"$SHARE"'} }' \
	--query 'RoutingConfig.AdditionalVersionWeights' --output json)
echo "canary: $old and ${weights//[$'\n ']/}"

# One invocation of one's own, of the new version alone: does it answer at all?
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
aws lambda invoke --function-name "$FUNCTION:$new" --log-type Tail --query '[ExecutedVersion, FunctionError]' --output text "$answer"
cat "$answer"
echo

sum() {
	aws cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name "$1" --statistics Sum --period 60 \
		--start-time "$(date -u -d '-10 minutes' +%FT%TZ)" --end-time "$(date -u -d '+1 minute' +%FT%TZ)" \
		--dimensions "Name=FunctionName,Value=$FUNCTION" "Name=Resource,Value=$FUNCTION:$ALIAS" "Name=ExecutedVersion,Value=$new" \
		--query 'sum(Datapoints[].Sum)' --output text
}
until invocations=$(sum Invocations) && ((${invocations%.*} >= SAMPLES)); do
	sleep 0.5
done
errors=$(sum Errors)
echo "version $new: ${errors%.*} errors in ${invocations%.*} invocations"

if ((${errors%.*} > 0)); then
	lambda update-alias --name "$ALIAS" --function-version "$old" --routing-config '{}' --query FunctionVersion --output text
	echo "taken back"
	exit 1
fi
lambda update-alias --name "$ALIAS" --function-version "$new" --routing-config '{}' --query FunctionVersion --output text
echo "promoted"
