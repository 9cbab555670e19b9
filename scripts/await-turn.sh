#!/usr/bin/env bash
# Waits for earlier builds that deploy to the same overlay, so that the newest commit is deployed last and no two builds
# deploy at once: await-turn.sh BUILD_ID LOCATION OVERLAY
set -euo pipefail

build=${1:?BUILD_ID is missing. Usage: await-turn.sh BUILD_ID LOCATION OVERLAY}
location=${2:?LOCATION is missing. Usage: await-turn.sh BUILD_ID LOCATION OVERLAY}
overlay=${3:?OVERLAY is missing. Usage: await-turn.sh BUILD_ID LOCATION OVERLAY}

created=$(gcloud builds describe "$build" --region="$location" --format='value(createTime)')
[[ $created ]] || { echo "Build $build does not exist in $location." >&2; exit 1; }
while true; do
    earlier=$(gcloud builds list --region="$location" --ongoing --format='value(id)' \
        --filter="substitutions._OVERLAY=$overlay AND createTime<\"$created\"")
    [[ $earlier ]] || break
    echo "Waiting for earlier builds: ${earlier//$'\n'/ }"
    sleep 20
done
