#!/usr/bin/env bash
# Builds the production image, runs it as production does and sends it a sample: `make image`.
#
# Uses docker if its daemon is running, otherwise podman with a base image from scripts/stand-in-base.sh, which needs no
# registry. BASE=… sets another base image. Arguments are passed to the build: scripts/image.sh --build-arg MODEL=parts
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${TAG:-maskserve}
most_megabytes=670  # without the model: 700 with nuclei
patience=120  # seconds that the models may take to load

fail() {
    echo "$*" >&2
    exit 1
}

build=(--network=host)
if docker info >/dev/null 2>&1; then
    engine=docker
elif command -v podman >/dev/null; then
    engine=podman
    build+=(--isolation=chroot --format=docker)  # the OCI format has no HEALTHCHECK
    build+=(--volume=/etc/ssl/certs:/etc/ssl/certs:ro)  # a proxy to the package index may have its own certificates
    if [ -z "${BASE:-}" ]; then
        BASE=localhost/maskserve-stand-in
        podman image exists $BASE || scripts/stand-in-base.sh $BASE
    fi
else
    fail "docker is not running and podman is not installed. On Debian: apt-get install podman runc debootstrap"
fi
if [ -n "${BASE:-}" ]; then
    echo "Base image: $BASE"
    build+=(--build-arg "BASE=$BASE")
fi
if [ -f /etc/pip.conf ]; then  # this machine's package index; not in any layer
    build+=("--secret=id=pip.conf,src=/etc/pip.conf")
fi
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
$engine build "${build[@]}" --build-arg "REVISION=$revision" --tag "$tag" "$@" .

# No network, no capabilities, and only /tmp is writable. The limits are low enough for machines on which they cannot be
# raised.
started=$EPOCHREALTIME
container=$($engine run --detach --no-healthcheck --network=none --read-only --tmpfs=/tmp --cap-drop=ALL \
    --security-opt=no-new-privileges --ulimit=nofile=4096:4096 --ulimit=nproc=4096:4096 "$tag")
finish() {
    status=$?
    if [ $status != 0 ]; then
        echo "Log of the container:" >&2
        $engine logs "$container" >&2
    fi
    $engine rm --force "$container" >/dev/null
}
trap finish EXIT
inside() { $engine exec --interactive "$container" "$@"; }

until inside python -I app/probe.py >/dev/null 2>&1; do
    [ "$($engine inspect --format '{{.State.Running}}' "$container")" = true ] || fail "the container exited before it was ready"
    [ ${EPOCHREALTIME%.*} -lt $((${started%.*} + patience)) ] || fail "the container was not ready within $patience s"
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
    sys.exit(f"expected status 200 for the sample, got {response.status}: {text}")
answer = json.loads(text)
if answer["model"]["name"] == "nuclei" and not answer["segments"]:
    sys.exit("the model found no segments in the sample")
print(len(answer["segments"]))
END
)
megabytes=$(($($engine image inspect --format '{{.Size}}' "$tag") / 1000000))
model_megabytes=$(inside du --summarize --block-size=MB model/bundles | cut -d M -f 1)
[ $((megabytes - model_megabytes)) -le $most_megabytes ] \
    || fail "the image is $megabytes MB, $model_megabytes of them the model: the rest must be at most $most_megabytes"
[ "$(inside id -u)" = 10001 ] || fail "the container does not run as user 10001"
! inside sh -c 'command -v cc gcc' || fail "the image contains a compiler"
! inside python -c 'import tensorflow' 2>/dev/null || fail "the image contains TensorFlow"

$engine stop -t 60 "$container" >/dev/null
code=$($engine inspect --format '{{.State.ExitCode}}' "$container")
[ "$code" = 0 ] || fail "expected exit code 0 after SIGTERM, got $code"

echo "$tag: $megabytes MB (model: $model_megabytes), ready in $seconds s, $segments segments in the sample, exit code 0"
