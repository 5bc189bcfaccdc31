"""A deployer that is a function, with the event that people know: the weight of
the new version rises in equal steps, and the release ends when there are errors.
MILLISECONDS says how long one second of the interval takes here.
"""

import datetime
import os
import time

import boto3

functions = boto3.client("lambda")
metrics = boto3.client("cloudwatch")


def handler(event, context):
    name, alias, new = event["function-name"], event["alias-name"], event["new-version"]
    assert event["type"] == "linear"
    old = functions.get_alias(FunctionName=name, Name=alias)["FunctionVersion"]
    begin = datetime.datetime.now(datetime.timezone.utc)
    for step in range(1, event["steps"]):
        weight = step / event["steps"]
        functions.update_alias(FunctionName=name, Name=alias, RoutingConfig={"AdditionalVersionWeights": {new: weight}})
        print(f"{new} has {weight}")
        functions.invoke(FunctionName=name, Qualifier=alias)
        time.sleep(event["interval"] * int(os.environ["MILLISECONDS"]) / 1000)
        if errors(name, alias, new, begin):
            functions.update_alias(FunctionName=name, Name=alias, FunctionVersion=old, RoutingConfig={})
            raise RuntimeError(f"{new} is not healthy")
    functions.update_alias(FunctionName=name, Name=alias, FunctionVersion=new, RoutingConfig={})
    return f"{name} is at {new}"


def errors(name, alias, version, begin):
    answer = metrics.get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="Errors", Period=60, Statistics=["Sum"],
        Dimensions=[
            {"Name": "FunctionName", "Value": name},
            {"Name": "Resource", "Value": f"{name}:{alias}"},
            {"Name": "ExecutedVersion", "Value": version},
        ],
        StartTime=begin - datetime.timedelta(minutes=1), EndTime=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1),
    )
    return sum(p["Sum"] for p in answer["Datapoints"])
