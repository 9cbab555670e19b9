#!/usr/bin/env bash
# Asks a running service for the segments of a picture, and fails unless it finds some: smoke.sh URL MODEL PICTURE
# API_KEY in the environment is sent where it is set.
set -euo pipefail

url=${1:?which service? smoke.sh URL MODEL PICTURE}
model=${2:?which model? smoke.sh URL MODEL PICTURE}
picture=${3:?which picture? smoke.sh URL MODEL PICTURE}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --retry takes 503, a full queue, for what it is, and waits as Retry-After says. The key is in no argument, which
# every process of the machine could read.
curl --silent --show-error --fail-with-body --max-time 120 --retry 5 --retry-connrefused --retry-max-time 300 \
    --header @<(printf 'X-API-Key: %s\n' "${API_KEY:-}") \
    --header 'Content-Type: application/octet-stream' \
    --data-binary "@$picture" \
    --dump-header "$work/headers" --output "$work/answer" \
    "$url/api/v1/segment?model=$model" \
    || { echo "The service does not segment $picture:" >&2; cat "$work/answer" >&2 || true; exit 1; }

header() { tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip" | tail -1; }
[[ $(header X-Model) == "$model" ]] \
    || { echo "The service answered with model '$(header X-Model)', not '$model'." >&2; exit 1; }
[[ $(header X-Segment-Count) -gt 0 ]] \
    || { echo "Model $model found nothing in $picture, where there is something to be found." >&2; exit 1; }
echo "Model $model found $(header X-Segment-Count) segments in $picture."
