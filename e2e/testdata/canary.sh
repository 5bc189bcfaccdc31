#!/usr/bin/env bash
# A canary in the way that shell scripts do it with the AWS CLI: publish, find
# or create the alias, split, poll the alarms, promote or take back, prune.
# Crossfade's users have one like it today; it has to work unmodified against
# the local cloud. Settings come from the environment.
set -euo pipefail

: "${MACHINE:?}" "${ALIAS:?}" "${AWS_REGION:?}"
PERCENT=${PERCENT:-10}
WATCH_SECONDS=${WATCH_SECONDS:-4}
POLL_SECONDS=${POLL_SECONDS:-1}
KEEP=${KEEP:-0}
ALARMS=("${@}")

sfn() { aws stepfunctions "$@"; }
alarms() { aws cloudwatch describe-alarms --alarm-names "${ALARMS[@]}" --alarm-types CompositeAlarm MetricAlarm "$@"; }

known=$(alarms --query 'length([MetricAlarms, CompositeAlarms][])' --output text)
if [[ $known -ne ${#ALARMS[@]} ]]; then
	echo "missing alarm: only $known of ${#ALARMS[@]} exist" >&2
	exit 1
fi

account=$(aws sts get-caller-identity --query Account --output text)
machine="arn:aws:states:${AWS_REGION}:${account}:stateMachine:${MACHINE}"
alias_arn="${machine}:${ALIAS}"

new=$(sfn publish-state-machine-version --state-machine-arn="$machine" --query stateMachineVersionArn --output text)
found=$(sfn list-state-machine-aliases --state-machine-arn "$machine" \
	--query "stateMachineAliases[?stateMachineAliasArn=='${alias_arn}'].stateMachineAliasArn" --output text)
if [[ -z $found ]]; then
	sfn create-state-machine-alias --name "$ALIAS" \
		--routing-configuration "[{\"stateMachineVersionArn\": \"$new\", \"weight\": 100}]" >/dev/null
	echo "created at 100%: $new"
	exit 0
fi

route() {
	sfn update-state-machine-alias --state-machine-alias-arn "$alias_arn" --routing-configuration "$1" >/dev/null
}

old=$(sfn describe-state-machine-alias --state-machine-alias-arn "$alias_arn" \
	--query 'routingConfiguration[?weight==`100`].stateMachineVersionArn' --output text)
if [[ -z $old ]]; then
	echo "the alias is split; another deployment?" >&2
	exit 1
fi
if [[ $old == "$new" ]]; then
	echo "nothing to do: $new serves already"
	exit 0
fi

route "[{\"stateMachineVersionArn\": \"$new\", \"weight\": $PERCENT}, {\"stateMachineVersionArn\": \"$old\", \"weight\": $((100 - PERCENT))}]"
echo "canary at ${PERCENT}%: $new"

end=$((SECONDS + WATCH_SECONDS))
while ((SECONDS < end)); do
	firing=$(alarms --state-value ALARM --query "join(', ', [MetricAlarms, CompositeAlarms][].AlarmName)" --output text)
	if [[ -n $firing ]]; then
		route "[{\"stateMachineVersionArn\": \"$old\", \"weight\": 100}]"
		echo "rolled back to $old: $firing" >&2
		exit 1
	fi
	sleep "$POLL_SECONDS"
done

route "[{\"stateMachineVersionArn\": \"$new\", \"weight\": 100}]"
echo "promoted: $new"

if ((KEEP > 0)); then
	sfn list-state-machine-versions --state-machine-arn "$machine" --max-results 1000 \
		--query 'stateMachineVersions[].stateMachineVersionArn' --output text | tr '\t' '\n' | tail -n +"$((KEEP + 1))" |
		while read -r version; do
			sfn delete-state-machine-version --state-machine-version-arn "$version"
			echo "deleted: $version"
		done
fi
