#!/usr/bin/env bash
# What people type to release a function through a weighted alias, as it is
# printed where they learn it. The code is in code.zip.
set -euo pipefail

# Update $LATEST version of function
aws lambda update-function-code --function-name myfunction --zip-file fileb://code.zip
aws lambda wait function-updated --function-name myfunction

# Publish new version of function
aws lambda publish-version --function-name myfunction

# Point alias to new version, weighted at 5% (original version at 95% of traffic)
aws lambda update-alias --function-name myfunction --name myalias --routing-config '{"AdditionalVersionWeights" : {"2" : 0.05} }'

# Verify that the new version is healthy
aws lambda invoke --function-name myfunction:2 answer.json
grep second answer.json

# Set the primary version on the alias to the new version and reset the additional versions (100% weighted)
aws lambda update-alias --function-name myfunction --name myalias --function-version 2 --routing-config '{}'

# Rollout version 2 incrementally over 10 steps, with 120s between each step
aws lambda invoke --function-name SimpleDeployFunction --log-type Tail --payload \
  '{"function-name": "MyFunction",
  "alias-name": "MyAlias",
  "new-version": "2",
  "steps": 10,
  "interval" : 120,
  "type": "linear"
  }' output
cat output
