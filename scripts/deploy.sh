#!/usr/bin/env bash
# Deploys an image, waits for the rollout and sends a sample to the service. On failure, rolls back to the last release
# that passed these checks.
#
#     deploy.sh OVERLAY IMAGE@sha256:…
#
# OVERLAY is a folder of k8s/overlays. From the environment: REGION and CLUSTER; MODEL, and SAMPLE, a picture in which
# that model finds segments.
set -euo pipefail
cd "$(dirname "$0")/.."

overlay=${1:?OVERLAY is missing. Usage: deploy.sh OVERLAY IMAGE@sha256:…}
image=${2:?IMAGE is missing. Usage: deploy.sh OVERLAY IMAGE@sha256:…}
: "${REGION:?must be the region of the cluster}" "${CLUSTER:?must be the name of the cluster}"
: "${MODEL:?must be the model to test}" "${SAMPLE:?must be a picture to test it with}"
secrets=(maskserve-api-key maskserve-events-key)  # for callers, and for the function
record=maskserve-last-good  # a Secret, because it contains API keys

fail() { echo "deploy: $*" >&2; exit 1; }

[[ $image =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] || fail "expected an image with a digest, IMAGE@sha256:…, not '$image'"
[[ -e k8s/overlays/$overlay/kustomization.yaml ]] || fail "there is no overlay '$overlay' in k8s/overlays"
namespace=$(sed -n 's/^namespace: *//p' "k8s/overlays/$overlay/kustomization.yaml")
[[ $namespace ]] || fail "k8s/overlays/$overlay/kustomization.yaml has no line namespace: …"

work=$(mktemp -d k8s/deploy.XXXXXX)  # inside k8s/: kustomize accepts no absolute paths
trap 'rm -rf "$work"' EXIT

# Prints the API keys, newest first. Each enabled version of a secret is a key, so that keys can be rotated without
# rejecting a caller.
api_keys() {
    local secret versions version
    for secret in "${secrets[@]}"; do
        versions=$(gcloud secrets versions list "$secret" --filter=state=enabled --format='value(name)')
        [[ $versions ]] \
            || fail "secret '$secret' has no enabled version. Run: gcloud secrets versions add $secret --data-file=…"
        for version in $versions; do
            gcloud secrets versions access "$version" --secret="$secret"
            echo
        done
    done
}

# Renders the overlay with the image, the keys and the project (with which log entries link to traces). The names of
# generated Secrets end in a hash of their content: new keys change the pod template, and so start a rollout, and a
# rollback finds the Secret that it used.
render() {
    local open unnamed unfilled
    paste -sd, "$work/all.keys" | tr -d '\n' >"$work/api-keys"
    cat >"$work/kustomization.yaml" <<END
resources: [../overlays/$overlay]
namespace: $namespace
secretGenerator: [{name: maskserve-api-keys, files: [keys=api-keys]}]
configMapGenerator: [{name: maskserve, behavior: merge, literals: [GOOGLE_CLOUD_PROJECT=$project]}]
END
    kubectl kustomize "$work" >"$work/rendered.yaml"
    # Overlays may rename the image; it is the one whose digest is all zeros. (kustomize's `images` selects by name
    # alone, and a canary may use the same name.)
    open='^( *(- )?image: )([^ ]*/)?maskserve@sha256:0{64}$'
    [[ $(grep -cE "$open" "$work/rendered.yaml") == 1 ]] \
        || fail "overlay '$overlay' must have exactly one image named maskserve with a digest of zeros, to be replaced"
    # Other images, such as Redis, come from the project's own registries too: in k8s/, my-project stands for it.
    sed -E -e "s|$open|\1$image|" \
        -e "s|^( *(- )?image: )[^ /]*-docker\.pkg\.dev/my-project/|\1$REGION-docker.pkg.dev/$project/|" \
        "$work/rendered.yaml" >"$work/all.yaml"
    unnamed=$(grep -E '^ *(- )?image: ' "$work/all.yaml" | grep -vE '@sha256:[0-9a-f]{64}$' || true)
    unnamed+=$(grep -E '@sha256:0{64}$' "$work/all.yaml" || true)
    [[ ! $unnamed ]] || fail "overlay '$overlay' has images without a digest. Add it (k8s/README.md): $unnamed"
    unfilled=$(sed "s|$project||g" "$work/all.yaml" | grep -wE 'my-project|example\.com' | sort --unique || true)
    [[ ! $unfilled ]] \
        || fail "overlay '$overlay' has names that stand for yours. Replace them (docs/deploy-gcp.md, Once): $unfilled"
}

in_namespace() { kubectl --namespace="$namespace" "$@"; }

# What builds record for later ones, in the Secret $record: the manifests that last passed the checks, their keys, and
# the names of all objects that builds, cancelled ones included, have applied and not removed since.
# $work has NAME.yaml, NAME.keys and NAME.names for two releases: `all` is the new one, `before` the recorded one.
recorded() {
    in_namespace get secret "$record" --ignore-not-found --output="go-template={{index .data \"$1\" | base64decode}}"
}

# note all|before APPLIED: records that release, and the names in the file APPLIED.
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
    # Objects that exist already and that no build has applied belong to somebody else.
    there=$(in_namespace get --filename="$work/all.yaml" --ignore-not-found --output=name | sort)
    comm -23 "$work/all.names" - <<<"$there" | sort --unique - "$work/before.applied" >"$work/applied"
}

# serves all|before: whether the rollouts of that release complete, its gateways lead to it, and the service answers with
# one of its keys.
serves() {
    local deployments deployment gateway
    deployments=$(grep '^deployment' "$work/$1.names") || return 1
    # Autopilot may have to add nodes first; then pods pull the image and load the models.
    for deployment in $deployments; do
        in_namespace rollout status "$deployment" --timeout=15m || return 1
    done
    # A load balancer without its address, certificate or SSL policy is never programmed. A new one takes minutes.
    for gateway in $(grep '^gateway' "$work/$1.names" || true); do
        in_namespace wait "$gateway" --for=condition=Programmed --timeout=10m || return 1
    done
    ask_for_segments "$work/$1.keys"
}

comes_about() {
    local outcome=0
    put "$work/all.yaml" || outcome=1
    note before "$work/applied" || return 1
    [[ $outcome == 0 ]] && serves all
}

# Deletes the objects whose names are on standard input, one per line. ConfigMaps and Secrets stay, so that a rollback
# by hand (`rollout undo`) finds the settings and keys of that revision.
remove() {
    local surplus
    surplus=$(grep -vE '^(configmap|secret|namespace)/' || true)
    # shellcheck disable=SC2086  # a word each
    if [[ $surplus ]]; then in_namespace delete --ignore-not-found $surplus; fi
}

# ask_for_segments KEYS: sends the sample to the service. KEYS is a file with one API key per line.
ask_for_segments() {
    local forwarding port='' outcome=0
    # Not through in_namespace: the kill below would end the subshell of the function, and kubectl would go on.
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
        echo "kubectl port-forward could not connect to the service." >&2
        outcome=1
    fi
    kill "$forwarding" 2>/dev/null || true
    return $outcome
}

go_back() {
    local earlier
    echo "The deployment failed. Pods and recent events:" >&2
    in_namespace get pods >&2 || true
    in_namespace get events --sort-by=.lastTimestamp | tail -20 >&2 || true  # gateways say there what they lack
    [[ -s $work/before.yaml ]] \
        || fail "overlay '$overlay' failed, and there is no earlier release to roll back to. Check the pods"
    echo "Rolling back." >&2
    { put "$work/before.yaml" && serves before; } \
        || fail "overlay '$overlay' failed, and so did the rollback. Check the pods now"
    settle before || fail "overlay '$overlay' failed and was rolled back, but see above: what it had added may be left"
    earlier=$(sed -nE 's/^ *(- )?image: (.*maskserve@.*)/\2/p' "$work/before.yaml" | head -1)
    fail "overlay '$overlay' failed and was rolled back to $earlier"
}

# settle all|before: deletes everything that builds have applied and that is not in that release, and records the
# release as the one to roll back to.
settle() {
    sort --unique "$work/applied" "$work/before.names" | comm -23 - "$work/$1.names" | remove || return 1
    note "$1" "$work/$1.names"
}

gcloud container clusters get-credentials "$CLUSTER" --region="$REGION" --dns-endpoint
project=$(gcloud config get project)
umask 077  # the files below contain API keys
api_keys | sed '/^$/d' >"$work/all.keys"
render
remember
comes_about || go_back
settle all || fail "overlay '$overlay' runs $image, but could not be recorded (see above). Run the build again"
echo "Overlay '$overlay' runs $image."
