"""A deployer of state machine versions in the way that boto3 scripts do it.

It publishes, shifts an alias by a strategy, looks at alarms in between, takes
back what fires, and prunes. It has to work unmodified against the local cloud.
"""

import argparse
import sys
import time

import boto3


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--machine", required=True)
    p.add_argument("--alias", required=True)
    p.add_argument("--strategy", choices=["allatonce", "canary", "linear"], default="canary")
    p.add_argument("--definition")
    p.add_argument("--increment", type=int, default=10)
    p.add_argument("--interval", type=float, default=3)
    p.add_argument("--poll", type=float, default=1)
    p.add_argument("--keep", type=int, default=0)
    p.add_argument("--alarms", nargs="*", default=[])
    return p.parse_args()


class Rollback(Exception):
    pass


class Deployment:
    def __init__(self, args):
        self.args = args
        self.sfn = boto3.client("stepfunctions")
        self.cloudwatch = boto3.client("cloudwatch")
        account = boto3.client("sts").get_caller_identity()["Account"]
        region = self.sfn.meta.region_name
        self.machine = f"arn:aws:states:{region}:{account}:stateMachine:{args.machine}"
        self.alias = f"{self.machine}:{args.alias}"

    def alarms(self, **filters):
        if not self.args.alarms:
            return []
        names = []
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNames=self.args.alarms, AlarmTypes=["MetricAlarm", "CompositeAlarm"], **filters
        )
        for page in pages:
            names += [a["AlarmName"] for a in page["MetricAlarms"] + page["CompositeAlarms"]]
        return names

    def route(self, *shares):
        self.sfn.update_state_machine_alias(
            stateMachineAliasArn=self.alias,
            routingConfiguration=[{"stateMachineVersionArn": v, "weight": w} for v, w in shares],
        )
        print("routing:", ", ".join(f"{v.rsplit(':', 1)[1]}={w}" for v, w in shares), flush=True)

    def watch(self, old):
        end = time.monotonic() + self.args.interval
        while True:
            firing = self.alarms(StateValue="ALARM")
            if firing:
                self.route((old, 100))
                raise Rollback(", ".join(firing))
            if time.monotonic() >= end:
                return
            time.sleep(self.args.poll)

    def run(self):
        missing = set(self.args.alarms) - set(self.alarms())
        if missing:
            sys.exit("missing alarms: " + ", ".join(sorted(missing)))
        if self.args.definition:
            with open(self.args.definition, encoding="utf-8") as f:
                self.sfn.update_state_machine(stateMachineArn=self.machine, definition=f.read())
        new = self.sfn.publish_state_machine_version(stateMachineArn=self.machine)["stateMachineVersionArn"]
        try:
            alias = self.sfn.describe_state_machine_alias(stateMachineAliasArn=self.alias)
        except self.sfn.exceptions.ResourceNotFound:
            self.sfn.create_state_machine_alias(
                name=self.args.alias, routingConfiguration=[{"stateMachineVersionArn": new, "weight": 100}]
            )
            print("created at 100%", flush=True)
            return
        old = next((r["stateMachineVersionArn"] for r in alias["routingConfiguration"] if r["weight"] == 100), None)
        if old is None:
            sys.exit("the alias is split")
        if old == new:
            print("nothing to do", flush=True)
            return
        step = {"allatonce": 100, "canary": self.args.increment, "linear": self.args.increment}[self.args.strategy]
        weight = step
        while weight < 100:
            self.route((old, 100 - weight), (new, weight))
            self.watch(old)
            weight = 100 if self.args.strategy == "canary" else weight + step
        self.route((new, 100))
        self.watch(old)
        self.prune()
        print("done", flush=True)

    def prune(self):
        if not self.args.keep:
            return
        versions = []
        token = {}
        while True:
            page = self.sfn.list_state_machine_versions(stateMachineArn=self.machine, maxResults=1000, **token)
            versions += [v["stateMachineVersionArn"] for v in page["stateMachineVersions"]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        for version in versions[self.args.keep:]:
            self.sfn.delete_state_machine_version(stateMachineVersionArn=version)
            print("deleted", version.rsplit(":", 1)[1], flush=True)


if __name__ == "__main__":
    try:
        Deployment(parse()).run()
    except Rollback as firing:
        print("rolled back:", firing, file=sys.stderr)
        sys.exit(1)
