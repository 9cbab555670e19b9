#!/usr/bin/env bash
# Lets the workflows of a GitHub repository act in a Google Cloud project, by Workload Identity Federation: GitHub signs
# who a job is, and Google exchanges that for a token of an hour. No key exists that could be stolen. Existing resources
# are left alone, so it is safe to run again. See docs/deploy-github.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/gcp/changes.sh
source scripts/gcp/changes.sh
# shellcheck source=scripts/gcp/platform.sh
source scripts/gcp/platform.sh
# shellcheck source=scripts/gcp/supply.sh
source scripts/gcp/supply.sh
fail() { printf 'github-setup: %s\n' "$*" >&2; exit 1; }

usage="usage: deploy/github/setup.sh PROJECT --repository OWNER/NAME --repository-id ID [options]

  --repository      the GitHub repository whose workflows build and deploy
  --repository-id   its number, which stays with it when names change hands. gh api repos/OWNER/NAME --jq .id prints it
  --deploy-to       gke, to the cluster of scripts/gcp-setup.sh (default), or cloud-run, for which this creates accounts,
                    registry, key and records
  --region          region of cluster or service. Default: europe-west1
  --build-account   the account that jobs on main, hotfix/* and tags v* may use. Default: maskserve-build
  --deploy-account  the account that jobs in the environments staging and production may use. Default: maskserve-deploy
  --dry-run         print the commands that would change something, without running them"

project='' repository='' repository_id='' deploy_to=gke region=europe-west1
build_account=maskserve-build deploy_account=maskserve-deploy dry_run=''
read_options 'repository repository-id deploy-to region build-account deploy-account' "$@"
[[ $project && $repository && $repository_id ]] || fail "PROJECT, --repository and --repository-id are required
$usage"
[[ $repository =~ ^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$ ]] || fail "--repository must be OWNER/NAME, not '$repository'"
[[ $repository_id =~ ^[0-9]+$ ]] \
    || fail "--repository-id must be a number, not '$repository_id'. Run: gh api repos/$repository --jq .id"

[[ $deploy_to == gke || $deploy_to == cloud-run ]] || fail "--deploy-to must be gke or cloud-run, not '$deploy_to'"
[[ $deploy_to == gke || $build_account/$deploy_account == maskserve-build/maskserve-deploy ]] \
    || fail "--deploy-to cloud-run creates the accounts itself, so it cannot be combined with the name of another"

export CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_CORE_DISABLE_PROMPTS=1 CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API=false
there gcloud projects describe "$project" --format='value(projectNumber)' || fail "project $project does not exist"
number=$found
accounts=$project.iam.gserviceaccount.com
pool=projects/$number/locations/global/workloadIdentityPools/github

# Only jobs of this repository get a token, and of those only jobs on main, hotfix/* or a tag v*: not those of pull requests.
# Accounts are bound to numbers, not to the subject: that has the names of owner and repository, and since July 2026, for
# new and renamed repositories, also their numbers. A job outside of all environments has no claim `environment`.
create_provider() {
    local at=(--location=global) condition mapping=google.subject=assertion.sub
    mapping+=",attribute.repository_id=assertion.repository_id"
    mapping+=",attribute.deployer=has(assertion.environment) ? assertion.repository_id + '/' + assertion.environment : ''"
    condition="assertion.repository_id == '$repository_id'"
    condition+=" && (assertion.ref == 'refs/heads/main' || assertion.ref.startsWith('refs/heads/hotfix/')"
    condition+=" || assertion.ref.startsWith('refs/tags/v'))"
    if there gcloud iam workload-identity-pools describe github "${at[@]}" --format='value(state)' \
        && [[ $found == DELETED ]]; then
        fail "workload identity pool github was deleted, which Google completes after 30 days. Restore it:
    gcloud iam workload-identity-pools undelete github --location=global"
    fi
    there gcloud iam workload-identity-pools describe github "${at[@]}" \
        || change "create workload identity pool github" gcloud iam workload-identity-pools create github "${at[@]}" \
            --display-name=GitHub
    at+=(--workload-identity-pool=github)
    same "provider maskserve" "$condition" gcloud iam workload-identity-pools providers describe maskserve "${at[@]}" \
        --format='value(attributeCondition)' \
        || change "accept tokens of $repository" gcloud iam workload-identity-pools providers create-oidc maskserve \
            "${at[@]}" --issuer-uri=https://token.actions.githubusercontent.com \
            --attribute-mapping="$mapping" \
            --attribute-condition="$condition"
}

# Accounts, registry, key and records, which scripts/gcp-setup.sh creates for the cluster.
equip_cloud_run() {
    account "$build_account" "tests and builds"
    bind "$(member "$build_account")" roles/ondemandscanning.admin projects "$project"
    account "$deploy_account" "deploys"
    # Of the predefined roles, only this one may make a service that callers reach without an account of Google's.
    bind "$(member "$deploy_account")" roles/run.admin projects "$project"
    bind "$(member "$deploy_account")" roles/logging.viewer projects "$project"  # to look for errors of a new revision
    account maskserve-run "runs on Cloud Run"
    bind "$(member "$deploy_account")" roles/iam.serviceAccountUser 'iam service-accounts' "maskserve-run@$accounts"

    repository maskserve --description='Images of MaskServe'
    bind "$(member "$build_account")" roles/artifactregistry.writer 'artifacts repositories' maskserve --location="$region"
    readable maskserve deploy
    keep_what_is_deployed
    bucket releases
    bind "$(member "$deploy_account")" roles/storage.objectUser 'storage buckets' "gs://$project-maskserve-releases"

    create_key maskserve-api-key
    bind "$(member maskserve-run)" roles/secretmanager.secretAccessor secrets maskserve-api-key
}

require_accounts() {
    local email
    for email in "$build_account@$accounts" "$deploy_account@$accounts"; do
        there gcloud iam service-accounts describe "$email" \
            || fail "account $email does not exist. Run scripts/gcp-setup.sh first, or name another one (see --help)"
    done
}

# admit ACCOUNT MEMBER: lets jobs act as an account.
admit() { bind "$2" roles/iam.workloadIdentityUser 'iam service-accounts' "$1@$accounts"; }

apis=(iam iamcredentials sts)
[[ $deploy_to == gke ]] || apis+=(artifactregistry logging ondemandscanning run secretmanager storage)
enable_missing "${apis[@]}"
if [[ $deploy_to == cloud-run ]]; then equip_cloud_run; else require_accounts; fi
create_provider
admit "$build_account" "principalSet://iam.googleapis.com/$pool/attribute.repository_id/$repository_id"
# GitHub names the environment in the token only after the approvals that it requires.
for environment in staging production; do
    admit "$deploy_account" "principalSet://iam.googleapis.com/$pool/attribute.deployer/$repository_id/$environment"
done
[[ ! $dry_run ]] || { echo "Dry run: nothing was changed."; exit; }

echo "Setup is complete. In $repository, set these variables (gh variable set NAME --body VALUE):
GCP_PROJECT=$project
GCP_REGION=$region
GCP_PROVIDER=$pool/providers/maskserve
GCP_BUILD_ACCOUNT=$build_account@$accounts
GCP_DEPLOY_ACCOUNT=$deploy_account@$accounts
DEPLOY_TO=$deploy_to"
