#!/usr/bin/env bash
# Waits while earlier builds that deploy the same overlay go on, or the older commit could come last, and one build undo
# what the other did: await-turn.sh BUILD_ID LOCATION OVERLAY
set -euo pipefail

build=${1:?which build? await-turn.sh BUILD_ID LOCATION OVERLAY}
location=${2:?where do builds run? await-turn.sh BUILD_ID LOCATION OVERLAY}
overlay=${3:?which overlay? await-turn.sh BUILD_ID LOCATION OVERLAY}

created=$(gcloud builds describe "$build" --region="$location" --format='value(createTime)')
[[ $created ]] || { echo "There is no build $build in $location." >&2; exit 1; }
while true; do
    earlier=$(gcloud builds list --region="$location" --ongoing --format='value(id)' \
        --filter="substitutions._OVERLAY=$overlay AND createTime<\"$created\"")
    [[ $earlier ]] || break
    echo "Waiting for ${earlier//$'\n'/ }"
    sleep 20
done
