#!/usr/bin/env bash
# Creates everything that MaskServe needs in a Google Cloud project. Existing resources are left alone, so it is safe to
# run again: after a failure, after a change to the function, to add triggers. See docs/deploy-gcp.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/changes.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/platform.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/supply.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/cluster.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/entrances.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/events.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/triggers.sh
# shellcheck source-path=SCRIPTDIR
source scripts/gcp/monitoring.sh

usage="usage: scripts/gcp-setup.sh PROJECT --domain DOMAIN [--region REGION]
           [--github OWNER/NAME | --source-repositories NAME] [--alert-email ADDRESS [--alert-channel NAME]]
           [--budget AMOUNT] [--dry-run]

  --domain               domain name of the service, such as segment.example.org; staging uses staging.DOMAIN
  --region               region of all resources. Default: europe-west1
  --github               GitHub repository to build from: a push to main deploys to staging, a tag v* to production
  --source-repositories  the same for a repository in Cloud Source Repositories (existing customers only)
  --alert-email          address that is told when the service fails
  --alert-channel        notification channel, by the name that it has in the console, that is told of critical alerts, too:
                         PagerDuty, text messages, whatever wakes somebody up
  --budget               costs of a month, such as 500EUR, at which that address is warned
  --dry-run              print the commands that would change something, without running them"

project='' domain='' region=europe-west1 github='' source_repositories='' alert_email='' alert_channel='' budget='' dry_run=''
read_options 'domain region github source-repositories alert-email alert-channel budget' "$@"
[[ $project && $domain ]] || fail "PROJECT and --domain are required
$usage"
[[ ! $github || $github == */* ]] || fail "--github must be OWNER/NAME, not '$github'"
[[ ! $github || ! $source_repositories ]] || fail "--github and --source-repositories cannot be combined"
[[ ! $alert_email || $alert_email == *@* ]] || fail "--alert-email must be an address, not '$alert_email'"
[[ ! $alert_channel || $alert_email ]] || fail "--alert-channel is in addition to --alert-email, which is missing"
[[ ! $budget || $budget =~ ^[0-9]+([A-Z]{3})?$ ]] || fail "--budget must be an amount such as 500EUR, not '$budget'"

# For this run only; gcloud's own configuration does not change. No prompts, and no API is enabled without being listed.
export CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_CORE_DISABLE_PROMPTS=1 CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API=false

command -v gcloud >/dev/null || fail "gcloud is not installed. See https://cloud.google.com/sdk/docs/install"
there gcloud auth list --filter=status:ACTIVE --format='value(account)' || true
[[ $found ]] || fail "you are not signed in to gcloud. Run: gcloud auth login"
there gcloud projects describe "$project" --format='value(projectNumber)' \
    || fail "project $project does not exist. Run: gcloud projects create $project, then link a billing account to it"
number=$found
accounts=$project.iam.gserviceaccount.com

enable_apis
create_build_accounts
create_repositories
create_source_bucket
create_records
create_key maskserve-api-key  # for callers
create_key maskserve-events-key  # for the function: each key has its own rate limit
create_node_account
create_network
create_cluster
create_builder  # after the cluster: by then the roles that the build needs have taken effect everywhere
create_models_bucket
create_entrances
create_buckets_and_topics
announce_images
create_function
subscribe_function
create_triggers
create_monitoring
[[ ! $dry_run ]] || { echo "Dry run: nothing was changed."; exit; }

echo "Setup is complete."
print_records
