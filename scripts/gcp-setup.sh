#!/usr/bin/env bash
# Creates in a Google Cloud project all that MaskServe needs there. What exists is left as it is, so that it can be run
# again at any time: after a failure, with a new function, to add triggers. docs/deploy-gcp.md tells the whole way.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/changes.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/platform.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/events.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/triggers.sh

usage="usage: scripts/gcp-setup.sh PROJECT --domain DOMAIN [--region REGION]
           [--github OWNER/NAME | --source-repositories NAME] [--dry-run]

  --domain               the service's name, such as segment.example.org; staging is at staging.DOMAIN
  --region               where all of it is (europe-west1)
  --github               the repository that builds are started by: a push to main deploys staging, a tag v* production
  --source-repositories  the same from Cloud Source Repositories, for those who still have it
  --dry-run              say what would be done, and do nothing"

project='' domain='' region=europe-west1 github='' source_repository='' dry_run=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --domain) domain=${2-} ;;
        --region) region=${2-} ;;
        --github) github=${2-} ;;
        --source-repositories) source_repository=${2-} ;;
        --dry-run) dry_run=yes; shift; continue ;;
        --help) echo "$usage"; exit ;;
        -*) fail "there is no option $1
$usage" ;;
        *) [[ ! $project ]] || fail "one project at a time: $project or $1?
$usage"
            project=$1; shift; continue ;;
    esac
    [[ ${2-} ]] || fail "$1 needs a value
$usage"
    shift 2
done
[[ $project && $domain ]] || fail "a project and --domain are needed
$usage"
[[ ! $github || $github == */* ]] || fail "--github is OWNER/NAME, not '$github'"
[[ ! $github || ! $source_repository ]] || fail "builds are started by one repository: --github or --source-repositories"

# For this run only; gcloud's own configuration is left alone. It asks nothing, and enables nothing by itself.
export CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_CORE_DISABLE_PROMPTS=1 CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API=false

command -v gcloud >/dev/null || fail "gcloud is missing: https://cloud.google.com/sdk/docs/install"
there gcloud auth list --filter=status:ACTIVE --format='value(account)' || true
[[ $found ]] || fail "gcloud does not know who you are: gcloud auth login"
there gcloud projects describe "$project" --format='value(projectNumber)' \
    || fail "there is no project $project: gcloud projects create $project, and link a billing account to it"
number=$found
accounts=$project.iam.gserviceaccount.com

enable_interfaces
create_accounts
create_repository
create_source_bucket
create_key maskserve-api-key  # of callers
create_key maskserve-events-key  # of the function: one's rate limit does not hold up the other
create_cluster
create_builder  # after the cluster, which takes longer than a new role needs to be known everywhere
create_models_bucket
create_entrances
create_buckets_and_topics
announce_images
create_function
subscribe_function
create_triggers
[[ ! $dry_run ]] || { echo "Nothing was done."; exit; }

there gcloud compute addresses describe maskserve --global --format='value(address)' || true
address=$found
there gcloud compute addresses describe maskserve-staging --global --format='value(address)' || true
echo "All is there. DNS: $domain must lead to ${address:-the address maskserve}, staging.$domain to ${found:-maskserve-staging}."
