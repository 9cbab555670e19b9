#!/usr/bin/env bash
# Records that OVERLAY runs an image: record-release.sh OVERLAY IMAGE@sha256:…
#
# Production deploys nothing but what staging has recorded here. The image is tagged, too: the registry deletes old
# images, but none with these tags (scripts/gcp/cleanup.json).
#
# From the environment: COMMIT, RELEASES (the folder with the records), and TAG, the name of the release, if any.
set -euo pipefail

overlay=${1:?OVERLAY is missing. Usage: record-release.sh OVERLAY IMAGE@sha256:…}
image=${2:?IMAGE is missing. Usage: record-release.sh OVERLAY IMAGE@sha256:…}
: "${COMMIT:?must be the commit of the image}" "${RELEASES:?must be the folder with the records of staging}"

for tag in "$overlay" ${TAG:+"$TAG"}; do
    gcloud artifacts docker tags add "$image" "${image%@*}:$tag"
done
if [[ $overlay == staging ]]; then
    gcloud storage cp - "$RELEASES/$COMMIT" <<<"$image"
fi
