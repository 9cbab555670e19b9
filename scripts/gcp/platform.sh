# shellcheck shell=bash
# What everything else stands on: APIs, accounts, buckets, keys.

enable_apis() {
    local wanted
    wanted=(
        artifactregistry certificatemanager cloudbuild compute container containeranalysis containerfilesystem iam
        iamcredentials logging monitoring ondemandscanning pubsub run secretmanager storage
    )
    [[ ! $source_repositories ]] || wanted+=(sourcerepo)
    [[ ! $budget ]] || wanted+=(cloudbilling billingbudgets)
    enable_missing "${wanted[@]}"
}

# enable_missing API…: enables those of these APIs that are not enabled.
enable_missing() {
    local api missing=()
    there gcloud services list --enabled --format='value(config.name)' \
        || fail "could not list the APIs that are enabled in project $project"
    for api in "${@/%/.googleapis.com}"; do
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

# create_key SECRET: API keys of the service. Each enabled version is a key (docs/operate-gcp.md, "Change the key").
create_key() {
    there gcloud secrets describe "$1" \
        || change "create secret $1" gcloud secrets create "$1" --replication-policy=user-managed --locations="$region"
    there gcloud secrets versions list "$1" --filter=state=ENABLED --format='value(name)' || true
    [[ $found ]] || change "add a random key to it" first_key "$1"
    bind "$(member maskserve-deploy)" roles/secretmanager.secretAccessor secrets "$1"
    bind "$(member maskserve-deploy)" roles/secretmanager.viewer secrets "$1"
}

first_key() {
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' | gcloud secrets versions add "$1" --data-file=-
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

# bucket PURPOSE
bucket() { bucket_named "$project-maskserve-$1"; }

bucket_named() {
    same "bucket $1" "${region^^}" gcloud storage buckets describe "gs://$1" --format='value(location)' \
        || change "create bucket $1" gcloud storage buckets create "gs://$1" \
            --location="$region" --uniform-bucket-level-access --public-access-prevention
}

# IAM members: a service account of this project, and the pods of a namespace.
member() { echo "serviceAccount:$1@$accounts"; }
pods() {
    local pool=projects/$number/locations/global/workloadIdentityPools/$project.svc.id.goog
    echo "principal://iam.googleapis.com/$pool/subject/ns/$1/sa/maskserve"
}
