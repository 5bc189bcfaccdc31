"""Gives the old version everything back."""

import boto3


def handler(event, _context):
    release = event["release"]
    boto3.client("lambda").update_alias(
        FunctionName=release["function"], Name=release["alias"], RoutingConfig={"AdditionalVersionWeights": {}})
