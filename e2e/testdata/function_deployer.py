"""A deployer that is a function itself: it gives the new version of another
function more and more of an alias, in equal steps, looks before each at the
errors that CloudWatch counted for that version, and takes it back at the first.

Event: function, alias, version, steps, and interval in seconds.
"""

import datetime
import time

import boto3

functions = boto3.client("lambda")
metrics = boto3.client("cloudwatch")


def handler(event, context):
    name, alias, version = event["function"], event["alias"], event["version"]
    old = functions.get_alias(FunctionName=name, Name=alias)["FunctionVersion"]
    begin = datetime.datetime.now(datetime.timezone.utc)
    for step in range(1, event["steps"]):
        route(name, alias, old, {version: round(step / event["steps"], 2)})
        time.sleep(event["interval"])
        errors = count("Errors", name, alias, version, begin)
        print(f"step {step}: {count('Invocations', name, alias, version, begin):.0f} invocations, {errors:.0f} errors")
        if errors:
            route(name, alias, old, {})
            raise RuntimeError(f"version {version} had {errors:.0f} errors; {old} has everything again")
    route(name, alias, version, {})
    return {"promoted": version}


def route(name, alias, version, weights):
    functions.update_alias(
        FunctionName=name, Name=alias, FunctionVersion=version, RoutingConfig={"AdditionalVersionWeights": weights}
    )


def count(metric, name, alias, version, begin):
    answer = metrics.get_metric_statistics(
        Namespace="AWS/Lambda", MetricName=metric, Statistics=["Sum"], Period=60,
        StartTime=begin - datetime.timedelta(minutes=1), EndTime=begin + datetime.timedelta(minutes=10),
        Dimensions=[
            {"Name": "FunctionName", "Value": name},
            {"Name": "Resource", "Value": f"{name}:{alias}"},
            {"Name": "ExecutedVersion", "Value": version},
        ],
    )
    return sum(point["Sum"] for point in answer["Datapoints"])
