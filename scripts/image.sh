#!/usr/bin/env bash
# Build the production image, then run it as production does and ask it: `make image`.
#
# With docker where its daemon answers, else with podman on a base from scripts/stand-in-base.sh, which needs no
# registry. BASE=… names another base; further words go to the build: scripts/image.sh --build-arg MODEL=parts
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${TAG:-maskserve}
most_megabytes=670  # beside the model: 700 with nuclei
patience=120  # seconds from the start until the models must be loaded

fail() {
    echo "$*" >&2
    exit 1
}

build=(--network=host)
if docker info >/dev/null 2>&1; then
    engine=docker
elif command -v podman >/dev/null; then
    engine=podman
    build+=(--isolation=chroot --format=docker)  # OCI's own format has no HEALTHCHECK
    build+=(--volume=/etc/ssl/certs:/etc/ssl/certs:ro)  # a proxy on the way to the index may have its own
    if [ -z "${BASE:-}" ]; then
        BASE=localhost/maskserve-stand-in
        podman image exists $BASE || scripts/stand-in-base.sh $BASE
    fi
else
    fail "neither docker's daemon nor podman is here; on Debian: apt-get install podman runc debootstrap"
fi
if [ -n "${BASE:-}" ]; then
    echo "on $BASE"
    build+=(--build-arg "BASE=$BASE")
fi
if [ -f /etc/pip.conf ]; then  # how this machine reaches its package index; no layer has it
    build+=("--secret=id=pip.conf,src=/etc/pip.conf")
fi
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
$engine build "${build[@]}" --build-arg "REVISION=$revision" --tag "$tag" "$@" .

# No network, no rights, nothing to write on but /tmp. The limits are lower than a container has elsewhere, so that
# they can be set where they must not be raised.
started=$EPOCHREALTIME
container=$($engine run --detach --no-healthcheck --network=none --read-only --tmpfs=/tmp --cap-drop=ALL \
    --security-opt=no-new-privileges --ulimit=nofile=4096:4096 --ulimit=nproc=4096:4096 "$tag")
finish() {
    status=$?
    if [ $status != 0 ]; then
        echo "its log:" >&2
        $engine logs "$container" >&2
    fi
    $engine rm --force "$container" >/dev/null
}
trap finish EXIT
inside() { $engine exec --interactive "$container" "$@"; }

until inside python -I app/probe.py >/dev/null 2>&1; do
    [ "$($engine inspect --format '{{.State.Running}}' "$container")" = true ] || fail "it ended"
    [ ${EPOCHREALTIME%.*} -lt $((${started%.*} + patience)) ] || fail "it was not ready within $patience s"
    sleep 0.2
done
seconds=$(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $started}")

segments=$(
    inside python - <<'END'
import http.client
import json
import sys
from pathlib import Path

connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
picture = Path("app/static/samples/fluorescence.png").read_bytes()
connection.request("POST", "/api/v1/segment", picture, {"Content-Type": "image/png"})
response = connection.getresponse()
text = response.read().decode()
if response.status != 200:
    sys.exit(f"the sample was answered with {response.status}: {text}")
answer = json.loads(text)
if answer["model"]["name"] == "nuclei" and not answer["segments"]:
    sys.exit("it found nothing in the sample")
print(len(answer["segments"]))
END
)
megabytes=$(($($engine image inspect --format '{{.Size}}' "$tag") / 1000000))
model_megabytes=$(inside du --summarize --block-size=MB model/bundles | cut -d M -f 1)
[ $((megabytes - model_megabytes)) -le $most_megabytes ] \
    || fail "it is $megabytes MB, its model $model_megabytes of that: the rest is more than $most_megabytes"
[ "$(inside id -u)" = 10001 ] || fail "it does not run as user 10001"
! inside sh -c 'command -v cc gcc' || fail "it has a compiler"
! inside python -c 'import tensorflow' 2>/dev/null || fail "it has TensorFlow"

$engine stop -t 60 "$container" >/dev/null
code=$($engine inspect --format '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || fail "on SIGTERM it exited with $code"

echo "$tag: $megabytes MB, of which $model_megabytes the model, ready in $seconds s, $segments segments in the sample, ended with 0"
