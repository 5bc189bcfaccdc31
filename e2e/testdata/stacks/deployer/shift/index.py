"""Gives the new version its next share."""

import boto3


def handler(event, _context):
    release, progress = event["release"], event["progress"]
    share = progress["shares"][progress["next"]]
    boto3.client("lambda").update_alias(
        FunctionName=release["function"], Name=release["alias"],
        RoutingConfig={"AdditionalVersionWeights": {release["version"]: share}})
    return {"shares": progress["shares"], "next": progress["next"] + 1}
