#!/usr/bin/env bash
# Sends a picture to a running service, and fails unless it finds segments: smoke.sh URL MODEL PICTURE
# Uses the API key in API_KEY, if set.
set -euo pipefail

url=${1:?URL is missing. Usage: smoke.sh URL MODEL PICTURE}
model=${2:?MODEL is missing. Usage: smoke.sh URL MODEL PICTURE}
picture=${3:?PICTURE is missing. Usage: smoke.sh URL MODEL PICTURE}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --retry retries a 503 (the queue is full) after the time in Retry-After. The key is not passed as an argument, because
# any process on the machine can read those.
curl --silent --show-error --fail-with-body --max-time 120 --retry 5 --retry-connrefused --retry-max-time 300 \
    --header @<(printf 'X-API-Key: %s\n' "${API_KEY:-}") \
    --header 'Content-Type: application/octet-stream' \
    --data-binary "@$picture" \
    --dump-header "$work/headers" --output "$work/answer" \
    "$url/api/v1/segment?model=$model" \
    || { echo "The service could not segment $picture:" >&2; cat "$work/answer" >&2 || true; exit 1; }

header() { tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip" | tail -1; }
[[ $(header X-Model) == "$model" ]] \
    || { echo "The service answered with model '$(header X-Model)', not '$model'." >&2; exit 1; }
[[ $(header X-Segment-Count) -gt 0 ]] \
    || { echo "Model $model found no segments in $picture, which contains some." >&2; exit 1; }
echo "Model $model found $(header X-Segment-Count) segments in $picture."
