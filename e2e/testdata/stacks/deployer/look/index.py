"""Looks whether the release's alarm is firing, and whether steps are left."""

import boto3


def handler(event, _context):
    alarms = boto3.client("cloudwatch").describe_alarms(AlarmNames=[event["release"]["alarm"]])["MetricAlarms"]
    if not alarms:
        raise LookupError("there is no alarm " + event["release"]["alarm"])
    if alarms[0]["StateValue"] == "ALARM":
        return "bad"
    progress = event["progress"]
    return "done" if progress["next"] >= len(progress["shares"]) else "more"
