# shellcheck shell=bash
# How code becomes what runs: three accounts, none of which can do another's work, registries, and records.
#
# maskserve-build tests, builds and pushes; it runs the code of all dependencies, and reaches no cluster and no key.
# maskserve-deploy deploys; it can push no image. maskserve-tools builds the image in which both run their steps, so
# that neither can change what the other runs.

create_build_accounts() {
    account maskserve-build "tests and builds"
    bind "$(member maskserve-build)" roles/logging.logWriter projects "$project"
    bind "$(member maskserve-build)" roles/ondemandscanning.admin projects "$project"

    account maskserve-deploy "deploys"
    bind "$(member maskserve-deploy)" roles/logging.logWriter projects "$project"
    bind "$(member maskserve-deploy)" roles/container.developer projects "$project"
    bind "$(member maskserve-deploy)" roles/cloudbuild.builds.viewer projects "$project"
    # To read an image's provenance. gcloud first asks whether that API is enabled, and takes a refusal for a no.
    bind "$(member maskserve-deploy)" roles/containeranalysis.occurrences.viewer projects "$project"
    bind "$(member maskserve-deploy)" roles/serviceusage.serviceUsageViewer projects "$project"

    account maskserve-tools "builds the image of the build steps"
    bind "$(member maskserve-tools)" roles/logging.logWriter projects "$project"
}

create_repositories() {
    repository maskserve --description='Images of MaskServe'
    readable maskserve deploy
    bind "$(member maskserve-build)" roles/artifactregistry.writer 'artifacts repositories' maskserve --location="$region"
    keep_what_is_deployed

    repository maskserve-tools --description='Images in which builds run' --immutable-tags
    readable maskserve-tools build deploy
    bind "$(member maskserve-tools)" roles/artifactregistry.writer \
        'artifacts repositories' maskserve-tools --location="$region"

    # Docker Hub, cached: neither builds nor new nodes depend on its rate limits.
    repository docker-hub --mode=remote-repository --remote-docker-repo=DOCKER-HUB
    readable docker-hub build tools
}

# repository NAME OPTION…
repository() {
    local name=$1
    shift
    same "repository $name" DOCKER \
        gcloud artifacts repositories describe "$name" --location="$region" --format='value(format)' \
        || change "create Artifact Registry repository $name" gcloud artifacts repositories create "$name" \
            --repository-format=docker --location="$region" "$@"
}

# readable REPOSITORY ACCOUNT…
readable() {
    local repository=$1 reader
    shift
    for reader in "$@"; do
        bind "$(member "maskserve-$reader")" roles/artifactregistry.reader \
            'artifacts repositories' "$repository" --location="$region"
    done
}

# The registry deletes images after a month, but neither the latest ones nor those with a tag of a release, which
# scripts/record-release.sh sets. That takes a role of its own, since the predefined ones that may tag may also push.
keep_what_is_deployed() {
    there gcloud iam roles describe maskserveTagger --project="$project" \
        || change "create role maskserveTagger" gcloud iam roles create maskserveTagger --project="$project" \
            --title='MaskServe: tags images' \
            --permissions=artifactregistry.tags.create,artifactregistry.tags.delete,artifactregistry.tags.get
    bind "$(member maskserve-deploy)" "projects/$project/roles/maskserveTagger" \
        'artifacts repositories' maskserve --location="$region"
    there gcloud artifacts repositories describe maskserve --location="$region" --format='json(cleanupPolicies)' || true
    [[ $found == *'"keep-deployed"'* ]] \
        || change "have old images deleted" gcloud artifacts repositories set-cleanup-policies maskserve \
            --location="$region" --policy=scripts/gcp/cleanup.json --no-dry-run
}

# For sources that `gcloud builds submit` uploads: these accounts cannot read the bucket that gcloud uses by default.
create_source_bucket() {
    local reader
    bucket source
    for reader in build deploy tools; do
        bind "$(member "maskserve-$reader")" roles/storage.objectViewer 'storage buckets' "gs://$project-maskserve-source"
    done
}

# What is in each image, and which images staging has run. The account that builds cannot write the latter.
create_records() {
    bucket sboms
    bind "$(member maskserve-build)" roles/storage.objectCreator 'storage buckets' "gs://$project-maskserve-sboms"
    bucket releases
    bind "$(member maskserve-deploy)" roles/storage.objectUser 'storage buckets' "gs://$project-maskserve-releases"
}

# The image in which build steps run, with the tag that cloudbuild.yaml names.
create_builder() {
    local base tag image hub=$region-docker.pkg.dev/$project/docker-hub
    base=$(sed -n 's|^ARG BASE=docker.io/||p' Dockerfile)
    tag=$(sed -n 's|^ *_BUILDER: .*/builder:\([^ ]*\).*|\1|p' cloudbuild.yaml)
    [[ $base && $tag ]] \
        || fail "expected a line ARG BASE=docker.io/… in Dockerfile and a line _BUILDER: …/builder:TAG in cloudbuild.yaml"
    image=$region-docker.pkg.dev/$project/maskserve-tools/builder:$tag
    there gcloud artifacts docker images describe "$image" \
        || change "build $image, the image of the build steps (takes five minutes)" \
            gcloud builds submit scripts/gcp/builder --config=scripts/gcp/builder/cloudbuild.yaml --region="$region" \
            --substitutions="_BASE=$hub/$base,_IMAGE=$image,_DOCKER_HUB=$hub" \
            --gcs-source-staging-dir="gs://$project-maskserve-source/builder" \
            --service-account="projects/$project/serviceAccounts/maskserve-tools@$accounts"
}
