#!/usr/bin/env bash
# Prints the image to deploy, with its digest: find-image.sh OVERLAY IMAGE
#
# For staging, the image that the workflow has built of the commit. For any other overlay, the image of the commit that
# staging has run (scripts/record-release.sh). Fails unless GitHub holds an attestation that deploy.yml has built the
# image, from this commit, on main or hotfix/*.
#
# From the environment: MODEL; RELEASES (the folder with staging's records); GH_TOKEN; and what GitHub sets itself.
set -euo pipefail

overlay=${1:?OVERLAY is missing. Usage: find-image.sh OVERLAY IMAGE}
name=${2:?IMAGE is missing. Usage: find-image.sh OVERLAY IMAGE}
: "${MODEL:?must be the model in the image}" "${RELEASES:?must be the folder with the records of staging}"
: "${GITHUB_REPOSITORY:?must be OWNER/NAME}" "${GITHUB_SHA:?must be the commit of the image}"

fail() { echo "find-image: $*" >&2; exit 1; }
# A push that came while others waited may have been cancelled: GitHub keeps only the newest of those that wait.
remedy="Push it to main or hotfix/*. If it was, its run failed or was cancelled. Run that again:
gh run list --workflow=deploy.yml --commit=$GITHUB_SHA, then gh run rerun ID"

if [[ $overlay == staging ]]; then
    digest=$(gcloud artifacts docker images describe "$name:$GITHUB_SHA-$MODEL" \
        --format='value(image_summary.digest)') || fail "commit $GITHUB_SHA has no image. $remedy"
    image=$name@$digest
else
    image=$(gcloud storage cat "$RELEASES/$GITHUB_SHA") || fail "staging has not run $GITHUB_SHA. $remedy"
fi
[[ $image =~ ^"$name"@sha256:[0-9a-f]{64}$ ]] || fail "expected $name with a digest, not '$image'"

workflow="https://github.com/$GITHUB_REPOSITORY/.github/workflows/deploy.yml"
gh attestation verify "oci://$image" --repo="$GITHUB_REPOSITORY" --source-digest="$GITHUB_SHA" \
    --deny-self-hosted-runners --cert-identity-regex="^${workflow//./[.]}@refs/heads/(main$|hotfix/)" >&2 \
    || fail "$image has no attestation that deploy.yml has built it from $GITHUB_SHA, on main or hotfix/*"

echo "$image"
