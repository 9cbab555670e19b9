#!/usr/bin/env bash
# Writes the image to deploy, with its digest, to FILE: find-image.sh OVERLAY IMAGE FILE
#
# For staging, the image that Cloud Build has built of the commit; waits until that build has ended, but not for ever,
# because waiting takes cores of the quota that the build needs, too. For any other overlay, the image of the commit that
# staging has run. Fails unless Cloud Build's provenance says that it has built the image.
#
# From the environment: REGION, COMMIT, RELEASES (the folder with staging's records), and BUILD, the id of the build to
# take the image from, if it is not the one of the trigger maskserve-build.
set -euo pipefail

overlay=${1:?OVERLAY is missing. Usage: find-image.sh OVERLAY IMAGE FILE}
name=${2:?IMAGE is missing. Usage: find-image.sh OVERLAY IMAGE FILE}
file=${3:?FILE is missing. Usage: find-image.sh OVERLAY IMAGE FILE}
: "${REGION:?must be the region of builds}" "${RELEASES:?must be the folder with the records of staging}"

fail() { echo "find-image: $*" >&2; exit 1; }

# A deployment by hand has no commit unless it is given one.
[[ ${COMMIT:-} ]] || fail "the commit is not known. Add --substitutions=COMMIT_SHA=\$(git rev-parse HEAD)"

# of_build: status and digest of the build of this commit; nothing if it has not started.
of_build() {
    if [[ ${BUILD:-} ]]; then
        gcloud builds describe "$BUILD" --region="$REGION" --format='value(status,results.images[0].digest)'
    else
        # The id of the trigger, because anybody who may start a build can give it any substitutions.
        gcloud builds list --region="$REGION" --filter="buildTriggerId=$trigger AND substitutions.COMMIT_SHA=$COMMIT" \
            --sort-by=~createTime --limit=1 --format='value(status,results.images[0].digest)'
    fi
}

if [[ $overlay == staging ]]; then
    trigger=''
    [[ ${BUILD:-} ]] \
        || trigger=$(gcloud builds triggers describe maskserve-build --region="$REGION" --format='value(id)')
    for ((waits = 240; ; waits--)); do  # two hours
        build=$(of_build)
        IFS=$'\t' read -r status digest <<<"$build"
        case $status in
            SUCCESS) break ;;
            '' | PENDING | QUEUED | WORKING)
                [[ $waits -gt 0 ]] || fail "the build of $COMMIT has not ended in two hours. Check it, and Cloud Build's quota" \
                    "of cores, then run this build again"
                echo "Waiting for the build of $COMMIT (${status:-not started})"
                sleep 30
                ;;
            *) fail "the build of $COMMIT ended with status $status, so there is nothing to deploy" ;;
        esac
    done
    image=$name@$digest
else
    image=$(gcloud storage cat "$RELEASES/$COMMIT") \
        || fail "staging has not run $COMMIT. Push it to main or hotfix/*, and tag it once staging has deployed it"
fi
[[ $image =~ ^"$name"@sha256:[0-9a-f]{64}$ ]] || fail "expected $name with a digest, not '$image'"

# 3 is what gcloud reports for provenance by Cloud Build's own workers, which no account of the project may write.
level=$(gcloud artifacts docker images describe "$image" --show-provenance --format='value(image_summary.slsa_build_level)')
[[ $level == 3 ]] || fail "$image has no provenance of Cloud Build (SLSA build level 3, not '$level')"

echo "$image" >"$file"
cat "$file"
