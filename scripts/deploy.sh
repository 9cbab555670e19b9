#!/usr/bin/env bash
# Deploys an image, waits for it, asks it for segments, and goes back to what ran before if any of that fails:
# deploy.sh OVERLAY IMAGE@sha256:…  (overlays: k8s/overlays). From the environment: REGION, CLUSTER, and for the
# request MODEL and SAMPLE, a picture in which that model finds something.
set -euo pipefail
cd "$(dirname "$0")/.."

overlay=${1:?which overlay? deploy.sh OVERLAY IMAGE@sha256:…}
image=${2:?which image? deploy.sh OVERLAY IMAGE@sha256:…}
: "${REGION:?the region of the cluster}" "${CLUSTER:?the cluster}" "${MODEL:?the model to ask}" "${SAMPLE:?a picture}"
secret=maskserve-api-key

fail() { echo "deploy: $*" >&2; exit 1; }

[[ $image =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || fail "'$image' is no image by its digest, IMAGE@sha256:…"
[[ -e k8s/overlays/$overlay/kustomization.yaml ]] || fail "there is no overlay '$overlay' in k8s/overlays"
namespace=$(sed -n 's/^namespace: *//p' "k8s/overlays/$overlay/kustomization.yaml")
[[ $namespace ]] || fail "k8s/overlays/$overlay/kustomization.yaml names no namespace"

work=$(mktemp -d k8s/deploy.XXXXXX)  # kustomize takes no absolute paths
trap 'rm -rf "$work"' EXIT

# Every enabled version of the secret is a key, so that one can be changed without a moment in which a caller is
# refused; the newest comes first.
api_keys() {
    local versions version
    versions=$(gcloud secrets versions list "$secret" --filter=state=enabled --format='value(name)')
    for version in $versions; do
        gcloud secrets versions access "$version" --secret="$secret"
        echo
    done
}

# The overlay with this image and these keys, and the project, which makes a log's traces links. Names of generated secrets end in a hash of what is in them: other keys
# are another pod template, and a step back finds the keys it had.
render() {
    local open
    kubectl kustomize "k8s/overlays/$overlay" >"$work/all.yaml"
    # What an overlay calls the image is its own affair: it is the one without a digest yet.
    open=$(sed -nE "s/^ *(- )?image: (([^ ]*\/)?maskserve)@sha256:0{64}$/\2/p" "$work/all.yaml" | sort -u)
    [[ $open ]] || fail "overlay '$overlay' has no image named maskserve with a digest of zeros to put this one in for"
    (umask 077; paste -sd, "$work/keys" | tr -d '\n' >"$work/api-keys")
    cat >"$work/kustomization.yaml" <<END
resources: [../overlays/$overlay]
namespace: $namespace
images: [{name: "$open", newName: "${image%@*}", digest: "${image#*@}"}]
secretGenerator: [{name: maskserve-api-keys, files: [keys=api-keys]}]
configMapGenerator: [{name: maskserve, behavior: merge, literals: [GOOGLE_CLOUD_PROJECT=$project]}]
END
    kubectl kustomize "$work" >"$work/all.yaml"
    if grep -E '@sha256:0{64}$' "$work/all.yaml" >&2; then
        fail "overlay '$overlay' has images whose digest is zeros: put in the right ones (k8s/README.md)"
    fi
}

in_namespace() { kubectl --namespace="$namespace" "$@"; }

# The revision that runs; nothing where there is none.
revision() {
    in_namespace get deployment maskserve --ignore-not-found \
        --output='jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}'
}

# Autopilot may first have to add machines; the image is then pulled and the models are loaded.
rolled_out() { in_namespace rollout status deployment/maskserve --timeout=15m; }

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

roll_back() {
    echo "Pods and what became of them:" >&2
    in_namespace get pods >&2 || true
    in_namespace get events --sort-by=.lastTimestamp | tail -20 >&2 || true
    [[ $before ]] || fail "overlay '$overlay' failed; nothing ran before, so there is nothing to go back to"
    # To the revision by its number: `undo` alone would go one too far where this image was running already.
    if in_namespace rollout undo deployment/maskserve --to-revision="$before" && rolled_out; then
        fail "overlay '$overlay' failed and was rolled back to revision $before"
    fi
    fail "overlay '$overlay' failed, and so did going back to revision $before: look at the pods now"
}

gcloud container clusters get-credentials "$CLUSTER" --region="$REGION" --dns-endpoint
project=$(gcloud config get project)
(umask 077; api_keys | sed '/^$/d' >"$work/keys")
[[ -s $work/keys ]] || fail "secret '$secret' has no enabled version: gcloud secrets versions add $secret --data-file=…"
render
before=$(revision)

if ! { in_namespace apply --filename="$work/all.yaml" && rolled_out && ask_for_segments; }; then
    roll_back
fi
echo "Overlay '$overlay' runs $image."
