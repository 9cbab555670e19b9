#!/usr/bin/env bash
# Deploys an image, waits for it, asks it for segments, and goes back to what last did all that if this does not:
# deploy.sh OVERLAY IMAGE@sha256:…  (overlays: k8s/overlays). From the environment: REGION, CLUSTER, and for the
# request MODEL and SAMPLE, a picture in which that model finds something.
set -euo pipefail
cd "$(dirname "$0")/.."

overlay=${1:?which overlay? deploy.sh OVERLAY IMAGE@sha256:…}
image=${2:?which image? deploy.sh OVERLAY IMAGE@sha256:…}
: "${REGION:?the region of the cluster}" "${CLUSTER:?the cluster}" "${MODEL:?the model to ask}" "${SAMPLE:?a picture}"
secrets=(maskserve-api-key maskserve-events-key)  # of callers, and of the function
record=maskserve-last-good  # a Secret, since it has keys

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
    local open unnamed
    paste -sd, "$work/all.keys" | tr -d '\n' >"$work/api-keys"
    cat >"$work/kustomization.yaml" <<END
resources: [../overlays/$overlay]
namespace: $namespace
secretGenerator: [{name: maskserve-api-keys, files: [keys=api-keys]}]
configMapGenerator: [{name: maskserve, behavior: merge, literals: [GOOGLE_CLOUD_PROJECT=$project]}]
END
    kubectl kustomize "$work" >"$work/rendered.yaml"
    # What an overlay calls the image is its own affair: it is the one without a digest yet. (Not by kustomize's
    # `images`, which goes by the name alone, and a canary's may have the same.)
    open='^( *(- )?image: )([^ ]*/)?maskserve@sha256:0{64}$'
    [[ $(grep -cE "$open" "$work/rendered.yaml") == 1 ]] \
        || fail "overlay '$overlay' must have one image named maskserve with a digest of zeros, to put this one in for"
    sed -E "s|$open|\1$image|" "$work/rendered.yaml" >"$work/all.yaml"
    unnamed=$(grep -E '^ *(- )?image: ' "$work/all.yaml" | grep -vE '@sha256:[0-9a-f]{64}$' || true)
    unnamed+=$(grep -E '@sha256:0{64}$' "$work/all.yaml" || true)
    [[ ! $unnamed ]] || fail "overlay '$overlay' has images without a digest: put them in (k8s/README.md): $unnamed"
}

in_namespace() { kubectl --namespace="$namespace" "$@"; }

# What builds leave for later ones: manifests that were seen to serve, their keys, and the names of all that any build
# has applied and none has removed, even one that was cancelled.
# In $work are, of `all` that this build brings and of `before`, NAME.yaml, NAME.keys and NAME.names.
recorded() {
    in_namespace get secret "$record" --ignore-not-found --output="go-template={{index .data \"$1\" | base64decode}}"
}

# note all|before APPLIED
note() {
    in_namespace create secret generic "$record" --dry-run=client --output=yaml \
        --from-file=manifests="$work/$1.yaml" --from-file=keys="$work/$1.keys" --from-file=applied="$2" | put -
}

put() {
    in_namespace apply --server-side --force-conflicts --field-manager=maskserve-build --filename="$1"
}

names() { if [[ -s $1 ]]; then in_namespace create --filename="$1" --dry-run=client --output=name | sort; fi; }

remember() {
    local there
    recorded manifests >"$work/before.yaml"
    recorded keys >"$work/before.keys"
    recorded applied >"$work/before.applied"
    names "$work/all.yaml" >"$work/all.names"
    names "$work/before.yaml" >"$work/before.names"
    # What is there and no build has made is somebody else's.
    there=$(in_namespace get --filename="$work/all.yaml" --ignore-not-found --output=name | sort)
    comm -23 "$work/all.names" - <<<"$there" | sort --unique - "$work/before.applied" >"$work/applied"
}

# serves all|before: whether what those manifests ask for has come about, and serves who has one of their keys.
serves() {
    local deployments deployment
    deployments=$(grep '^deployment' "$work/$1.names") || return 1
    # Autopilot may first have to add machines; the image is then pulled and the models are loaded.
    for deployment in $deployments; do
        in_namespace rollout status "$deployment" --timeout=15m || return 1
    done
    ask_for_segments "$work/$1.keys"
}

comes_about() {
    local outcome=0
    put "$work/all.yaml" || outcome=1
    note before "$work/applied" || return 1
    [[ $outcome == 0 ]] && serves all
}

# Removes the objects, a name a line on standard input. Those whose names have a hash stay: who goes back by hand, with
# `rollout undo`, finds settings and keys of then.
remove() {
    local surplus
    surplus=$(grep -vE '^(configmap|secret|namespace)/' || true)
    # shellcheck disable=SC2086  # a word each
    if [[ $surplus ]]; then in_namespace delete --ignore-not-found $surplus; fi
}

# ask_for_segments KEYS: a file, a key a line
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
        API_KEY=$(head -1 "$1") scripts/smoke.sh "http://127.0.0.1:$port" "$MODEL" "$SAMPLE" || outcome=1
    else
        echo "The service cannot be reached." >&2
        outcome=1
    fi
    kill "$forwarding" 2>/dev/null || true
    return $outcome
}

go_back() {
    local earlier
    echo "Pods and what became of them:" >&2
    in_namespace get pods >&2 || true
    in_namespace get events --sort-by=.lastTimestamp | tail -20 >&2 || true
    [[ -s $work/before.yaml ]] || fail "overlay '$overlay' failed, and no build has noted what served before: look at the pods"
    echo "Going back." >&2
    { put "$work/before.yaml" && serves before; } \
        || fail "overlay '$overlay' failed, and so did going back: look at the pods now"
    settle before || fail "overlay '$overlay' failed and was rolled back, but for what it had added: see above"
    earlier=$(sed -nE 's/^ *(- )?image: (.*maskserve@.*)/\2/p' "$work/before.yaml" | head -1)
    fail "overlay '$overlay' failed and was rolled back to $earlier"
}

# settle all|before: those manifests serve. What else builds have applied goes, and they are what can be gone back to.
settle() {
    sort --unique "$work/applied" "$work/before.names" | comm -23 - "$work/$1.names" | remove || return 1
    note "$1" "$work/$1.names"
}

gcloud container clusters get-credentials "$CLUSTER" --region="$REGION" --dns-endpoint
project=$(gcloud config get project)
umask 077  # of keys
api_keys | sed '/^$/d' >"$work/all.keys"
render
remember
comes_about || go_back
settle all || fail "overlay '$overlay' runs $image, but could not be noted as such: see above, and run the build again"
echo "Overlay '$overlay' runs $image."
