# shellcheck shell=bash
# What the service and its builds run on: APIs, accounts, registry, keys, cluster, buckets, addresses.

enable_apis() {
    local wanted missing=() api
    wanted=(
        artifactregistry certificatemanager cloudbuild compute container iam iamcredentials logging monitoring
        ondemandscanning pubsub run secretmanager storage
    )
    [[ ! $source_repository ]] || wanted+=(sourcerepo)
    [[ ! $budget ]] || wanted+=(cloudbilling billingbudgets)
    there gcloud services list --enabled --format='value(config.name)' \
        || fail "could not list the APIs that are enabled in project $project"
    for api in "${wanted[@]/%/.googleapis.com}"; do
        has_line "$found" "$api" || missing+=("$api")
    done
    [[ ${#missing[@]} -eq 0 ]] || change "enable ${missing[*]}" gcloud services enable "${missing[@]}"
}

# account NAME WHAT-FOR
account() {
    there gcloud iam service-accounts describe "$1@$accounts" \
        || change "create service account $1 ($2)" \
            gcloud iam service-accounts create "$1" --display-name="MaskServe: $2"
}

create_accounts() {
    account maskserve-nodes "runs the cluster's nodes"
    bind "$(member maskserve-nodes)" roles/container.defaultNodeServiceAccount projects "$project"

    account maskserve-build "builds and deploys"
    bind "$(member maskserve-build)" roles/logging.logWriter projects "$project"
    bind "$(member maskserve-build)" roles/ondemandscanning.admin projects "$project"
    bind "$(member maskserve-build)" roles/container.developer projects "$project"
    bind "$(member maskserve-build)" roles/cloudbuild.builds.viewer projects "$project"
}

create_repository() {
    same "repository maskserve" DOCKER \
        gcloud artifacts repositories describe maskserve --location="$region" --format='value(format)' \
        || change "create Artifact Registry repository maskserve" gcloud artifacts repositories create maskserve \
            --repository-format=docker --location="$region" --description='Images of MaskServe'
    bind "$(member maskserve-nodes)" roles/artifactregistry.reader \
        'artifacts repositories' maskserve --location="$region"
    bind "$(member maskserve-build)" roles/artifactregistry.writer \
        'artifacts repositories' maskserve --location="$region"
}

# For sources that `gcloud builds submit` uploads: the build account cannot read the bucket that gcloud uses by default.
create_source_bucket() {
    bucket source
    bind "$(member maskserve-build)" roles/storage.objectViewer 'storage buckets' "gs://$project-maskserve-source"
}

# The image in which build steps run, with the tag that cloudbuild.yaml names.
create_builder() {
    local base tag image
    base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
    tag=$(sed -n 's|^ *_BUILDER: .*/builder:||p' cloudbuild.yaml)
    [[ $base && $tag ]] \
        || fail "expected a line ARG BASE=… in Dockerfile and a line _BUILDER: …/builder:TAG in cloudbuild.yaml"
    image=$region-docker.pkg.dev/$project/maskserve/builder:$tag
    there gcloud artifacts docker images describe "$image" \
        || change "build $image, the image of the build steps (takes five minutes)" \
            gcloud builds submit scripts/gcp/builder --config=scripts/gcp/builder/cloudbuild.yaml --region="$region" \
            --substitutions="_BASE=$base,_IMAGE=$image" \
            --gcs-source-staging-dir="gs://$project-maskserve-source/builder" \
            --service-account="projects/$project/serviceAccounts/maskserve-build@$accounts"
}

# create_key SECRET: API keys of the service. Each enabled version is a key (docs/deploy-gcp.md, "Change the key").
create_key() {
    there gcloud secrets describe "$1" \
        || change "create secret $1" gcloud secrets create "$1" --replication-policy=user-managed --locations="$region"
    there gcloud secrets versions list "$1" --filter=state=ENABLED --format='value(name)' || true
    [[ $found ]] || change "add a random key to it" first_key "$1"
    bind "$(member maskserve-build)" roles/secretmanager.secretAccessor secrets "$1"
    bind "$(member maskserve-build)" roles/secretmanager.viewer secrets "$1"
}

first_key() {
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' | gcloud secrets versions add "$1" --data-file=-
}

create_cluster() {
    there gcloud compute networks describe default \
        || change "create network default" gcloud compute networks create default --subnet-mode=auto
    if there gcloud container clusters describe maskserve --region="$region" --format='value(status)'; then
        case $found in
            PROVISIONING) fail "an earlier run is still creating cluster maskserve. Run this again in ten minutes" ;;
            ERROR) fail "cluster maskserve is in state ERROR. Delete it, then run this again:
    gcloud container clusters delete maskserve --region=$region" ;;
        esac
    else
        change "create cluster maskserve (takes ten minutes)" gcloud container clusters create-auto maskserve \
            --region="$region" --release-channel=regular --enable-dns-access \
            --service-account="maskserve-nodes@$accounts"
    fi
}

# For models that are not in the image: MASKSERVE_MODELS=gs://….
create_models_bucket() {
    local overlay
    bucket models
    for overlay in k8s/overlays/*/kustomization.yaml; do
        bind "$(pods "$(sed -n 's/^namespace: *//p' "$overlay")")" roles/storage.objectViewer \
            'storage buckets' "gs://$project-maskserve-models"
    done
}

# entrance NAME DOMAIN: address and certificate of an overlay's Gateway
entrance() {
    there gcloud compute addresses describe "$1" --global \
        || change "reserve address $1" gcloud compute addresses create "$1" --global
    same "certificate $1" "$2" gcloud certificate-manager certificates describe "$1" --format='value(managed.domains[0])' \
        || change "request a certificate for $2" gcloud certificate-manager certificates create "$1" --domains="$2"
    there gcloud certificate-manager maps describe "$1" \
        || change "create certificate map $1" gcloud certificate-manager maps create "$1"
    same "certificate map entry $1" "$2" \
        gcloud certificate-manager maps entries describe "$1" --map="$1" --format='value(hostname)' \
        || change "add an entry for $2 to certificate map $1" gcloud certificate-manager maps entries create "$1" \
            --map="$1" --hostname="$2" --certificates="$1"
}

create_entrances() {
    entrance maskserve "$domain"
    entrance maskserve-staging "staging.$domain"
}

# bucket PURPOSE
bucket() {
    same "bucket $project-maskserve-$1" "${region^^}" \
        gcloud storage buckets describe "gs://$project-maskserve-$1" --format='value(location)' \
        || change "create bucket $project-maskserve-$1" gcloud storage buckets create "gs://$project-maskserve-$1" \
            --location="$region" --uniform-bucket-level-access --public-access-prevention
}

# IAM members: a service account of this project, and the pods of a namespace.
member() { echo "serviceAccount:$1@$accounts"; }
pods() {
    local pool=projects/$number/locations/global/workloadIdentityPools/$project.svc.id.goog
    echo "principal://iam.googleapis.com/$pool/subject/ns/$1/sa/maskserve"
}
