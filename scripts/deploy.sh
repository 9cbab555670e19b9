#!/usr/bin/env bash
# Deploys an image, waits for it, asks it for segments, and goes back to what ran before if any of that fails:
# deploy.sh OVERLAY IMAGE@sha256:…  (overlays: k8s/overlays). From the environment: REGION, CLUSTER, and for the
# request MODEL and SAMPLE, a picture in which that model finds something.
set -euo pipefail
cd "$(dirname "$0")/.."

overlay=${1:?which overlay? deploy.sh OVERLAY IMAGE@sha256:…}
image=${2:?which image? deploy.sh OVERLAY IMAGE@sha256:…}
: "${REGION:?the region of the cluster}" "${CLUSTER:?the cluster}" "${MODEL:?the model to ask}" "${SAMPLE:?a picture}"
secrets=(maskserve-api-key maskserve-events-key)  # of callers, and of the function
proven=maskserve-proven-revision  # an annotation: the revision that was last seen to serve

fail() { echo "deploy: $*" >&2; exit 1; }

[[ $image =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || fail "'$image' is no image by its digest, IMAGE@sha256:…"
[[ -e k8s/overlays/$overlay/kustomization.yaml ]] || fail "there is no overlay '$overlay' in k8s/overlays"
namespace=$(sed -n 's/^namespace: *//p' "k8s/overlays/$overlay/kustomization.yaml")
[[ $namespace ]] || fail "k8s/overlays/$overlay/kustomization.yaml names no namespace"

work=$(mktemp -d k8s/deploy.XXXXXX)  # kustomize takes no absolute paths
trap 'rm -rf "$work"' EXIT

# Every enabled version of a secret is a key, so that one can be changed without a moment in which a caller is refused;
# the newest comes first.
api_keys() {
    local secret versions version
    for secret in "${secrets[@]}"; do
        versions=$(gcloud secrets versions list "$secret" --filter=state=enabled --format='value(name)')
        [[ $versions ]] \
            || fail "secret '$secret' has no enabled version: gcloud secrets versions add $secret --data-file=…"
        for version in $versions; do
            gcloud secrets versions access "$version" --secret="$secret"
            echo
        done
    done
}

# The overlay with this image and these keys, and the project, which makes a log's traces links. Names of generated
# secrets end in a hash of what is in them: other keys are another pod template, and a step back finds the keys it had.
render() {
    local unnamed
    paste -sd, "$work/keys" | tr -d '\n' >"$work/api-keys"
    cat >"$work/kustomization.yaml" <<END
resources: [../overlays/$overlay]
namespace: $namespace
secretGenerator: [{name: maskserve-api-keys, files: [keys=api-keys]}]
configMapGenerator: [{name: maskserve, behavior: merge, literals: [GOOGLE_CLOUD_PROJECT=$project]}]
END
    # What an overlay calls the image is its own affair: it is the one without a digest yet. (Not by kustomize's
    # `images`, which goes by the name alone, and a canary's has the same.)
    kubectl kustomize "$work" | sed -E "s|^( *(- )?image: )([^ ]*/)?maskserve@sha256:0{64}$|\1$image|" >"$work/all.yaml"
    grep -qF "image: $image" "$work/all.yaml" \
        || fail "overlay '$overlay' has no image named maskserve with a digest of zeros to put this one in for"
    unnamed=$(grep -E '^ *(- )?image: ' "$work/all.yaml" | grep -vE '@sha256:[0-9a-f]{64}$' || true)
    unnamed+=$(grep -E '@sha256:0{64}$' "$work/all.yaml" || true)
    [[ ! $unnamed ]] || fail "overlay '$overlay' has images without a digest: put them in (k8s/README.md): $unnamed"
}

revision_of='deployment\.kubernetes\.io/revision'

in_namespace() { kubectl --namespace="$namespace" "$@"; }

# What the overlay's objects of one sort have, in kubectl's words: each OPERATOR FIELDS, where OPERATOR, == or !=, says
# whether it is about Deployments or all others. Nothing of objects that are not there.
each() {
    in_namespace get --filename="$work/all.yaml" --ignore-not-found \
        --output="jsonpath={range .items[?(@.kind$1\"Deployment\")]}$2{'\n'}{end}"
}

runs() { in_namespace rollout status "deployment/$1" --watch=false | grep -q 'successfully rolled out'; }

# What there is to go back to: what all but the Deployments were made of, and the revision of each Deployment. Of one
# that does not run as it should, as a build leaves it that was cancelled half-way, the last that did.
remember() {
    local name revision proven_revision
    each '!=' "---{'\n'}{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}" >"$work/before.yaml"
    each '==' "{.metadata.name},{.metadata.annotations.$revision_of},{.metadata.annotations.$proven}" >"$work/deployments"
    while IFS=, read -r name revision proven_revision; do
        if [[ $proven_revision ]] && ! runs "$name"; then revision=$proven_revision; fi
        echo "$name $revision"
    done <"$work/deployments" >"$work/revisions"
}

# Whether those Deployments have come about. Autopilot may first have to add machines; the image is then pulled and the
# models are loaded.
rolled_out() {
    local name
    for name in "$@"; do
        in_namespace rollout status "deployment/$name" --timeout=15m || return 1
    done
}

ask_for_segments() {
    local forwarding port='' outcome=0
    # Not by in_namespace: the shell that a function runs in would be ended below, and kubectl stay.
    kubectl --namespace="$namespace" port-forward service/maskserve :80 >"$work/forwarding" &
    forwarding=$!
    for _ in {1..60}; do
        port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$work/forwarding")
        if [[ $port ]] || ! kill -0 "$forwarding" 2>/dev/null; then break; fi
        sleep 0.5
    done
    if [[ $port ]]; then
        API_KEY=$(head -1 "$work/keys") scripts/smoke.sh "http://127.0.0.1:$port" "$MODEL" "$SAMPLE" || outcome=1
    else
        echo "The service cannot be reached." >&2
        outcome=1
    fi
    kill "$forwarding" 2>/dev/null || true
    return $outcome
}

# What has just been seen to serve is what a later build may go back to.
note_proven() {
    local name revision
    for name in $(each '==' '{.metadata.name}'); do
        revision=$(in_namespace get "deployment/$name" --output="jsonpath={.metadata.annotations.$revision_of}")
        in_namespace annotate "deployment/$name" --overwrite "$proven=$revision"
    done
}

comes_about() {
    local names
    in_namespace apply --filename="$work/all.yaml" || return 1
    names=$(each '==' '{.metadata.name}') || return 1
    [[ $names ]] || return 1
    # shellcheck disable=SC2086  # a word each
    rolled_out $names && ask_for_segments
}

roll_back() {
    local name revision outcome=0
    echo "Pods and what became of them:" >&2
    in_namespace get pods >&2 || true
    in_namespace get events --sort-by=.lastTimestamp | tail -20 >&2 || true
    [[ -s $work/revisions ]] || fail "overlay '$overlay' failed; nothing ran before, so there is nothing to go back to"
    if grep -q '^{' "$work/before.yaml"; then
        in_namespace apply --filename="$work/before.yaml" || outcome=1
    fi
    # To the revision by its number: `undo` alone would go one too far where this image was running already.
    while read -r name revision; do
        in_namespace rollout undo "deployment/$name" --to-revision="$revision" || outcome=1
    done <"$work/revisions"
    # shellcheck disable=SC2046  # a word each
    if [[ $outcome == 0 ]] && rolled_out $(cut -d ' ' -f 1 "$work/revisions"); then
        fail "overlay '$overlay' failed and was rolled back to $(paste -sd, "$work/revisions" | sed 's/ / revision /g')"
    fi
    fail "overlay '$overlay' failed, and so did going back: look at the pods now"
}

gcloud container clusters get-credentials "$CLUSTER" --region="$REGION" --dns-endpoint
project=$(gcloud config get project)
umask 077  # of keys
api_keys | sed '/^$/d' >"$work/keys"
render
remember
comes_about || roll_back
note_proven
echo "Overlay '$overlay' runs $image."
