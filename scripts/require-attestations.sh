#!/usr/bin/env bash
# Has GKE refuse images that Cloud Build has not built and attested: require-attestations.sh PROJECT [REGION] [--dry-run]
# Optional, after scripts/gcp-setup.sh and a successful build. See docs/releases.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/changes.sh

usage="usage: scripts/require-attestations.sh PROJECT [REGION] [--dry-run]"
dry_run='' words=()
for word in "$@"; do
    case $word in
        --dry-run) dry_run=yes ;;
        -*) fail "unknown option $word
$usage" ;;
        *) words+=("$word") ;;
    esac
done
project=${words[0]:-} region=${words[1]:-europe-west1}
[[ $project ]] || fail "PROJECT is required
$usage"
export CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_CORE_DISABLE_PROMPTS=1

there gcloud services list --enabled --format='value(config.name)' \
    || fail "could not list the APIs that are enabled in project $project"
has_line "$found" binaryauthorization.googleapis.com \
    || change "enable binaryauthorization.googleapis.com" gcloud services enable binaryauthorization.googleapis.com

# Cloud Build makes the attestor, and attests what it builds, in builds that start after the API has been enabled. What
# runs now was perhaps built before: refusing it would stop new pods.
there gcloud container binauthz attestors describe built-by-cloud-build \
    || fail "no build has been attested yet. Push to main, wait until staging and production run what it has built, then" \
        "run this again"

# What runs, and what a rollback returns to, or new pods of it would be refused: the tags of scripts/record-release.sh.
image=$region-docker.pkg.dev/$project/maskserve/maskserve
for overlay in staging production; do
    there gcloud artifacts docker images describe "$image:$overlay" --format='value(image_summary.digest)' || continue
    digest=$found
    there gcloud container binauthz attestations list --attestor=built-by-cloud-build \
        --artifact-url="https://$image@$digest" --format='value(name)' || true
    [[ $found ]] || fail "$overlay runs $digest, which has no attestation, so its new pods would be refused. Deploy an image" \
        "there that Cloud Build has built since its API is enabled, then run this again"
done

policy=$(mktemp --suffix=.yaml)
trap 'rm -f "$complaint" "$policy"' EXIT
sed "s|PROJECT|$project|g; s|REGION|$region|g" scripts/gcp/binary-authorization.yaml >"$policy"
there gcloud container binauthz policy export --format='value(defaultAdmissionRule.requireAttestationsBy)' || true
if [[ $found != *built-by-cloud-build* ]]; then
    # The project has one policy, which other clusters may need: importing replaces all of it.
    there gcloud container binauthz policy export || fail "could not export the policy of project $project"
    if [[ ! $dry_run ]]; then
        backup=$(mktemp "binauthz-policy-$project-XXXXXX.yaml")
        printf '%s\n' "$found" >"$backup"
        echo "The policy so far is in $backup. To return to it: gcloud container binauthz policy import $backup"
    fi
    change "require attestations" gcloud container binauthz policy import "$policy"
fi
there gcloud container clusters describe maskserve --region="$region" \
    --format='value(binaryAuthorization.evaluationMode)' \
    || fail "cluster maskserve does not exist in $region. Run scripts/gcp-setup.sh first"
[[ $found == PROJECT_SINGLETON_POLICY_ENFORCE ]] \
    || change "have cluster maskserve enforce that" gcloud container clusters update maskserve --region="$region" \
        --binauthz-evaluation-mode=PROJECT_SINGLETON_POLICY_ENFORCE
