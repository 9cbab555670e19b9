#!/usr/bin/env bash
# Deploys an image to Cloud Run: starts a revision without traffic, sends it a sample, and gives it the traffic in steps.
# If it fails on the way, or is interrupted, all traffic goes back to the revision before. If somebody else moves the
# traffic meanwhile, it stops and leaves the traffic to them. See docs/deploy-cloud-run.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage="usage: deploy/cloud-run/deploy.sh PROJECT IMAGE@sha256:… [options]
       deploy/cloud-run/deploy.sh PROJECT --roll-back [options]

  --region     region of the service. Default: europe-west1
  --service    name of the service. Default: maskserve
  --steps      shares of the traffic in per cent, one after the other, the last one 100. Default: 5,25,100
  --pause      seconds before each further step, in which errors are looked for. Default: 120
  --roll-back  give all traffic to the revision before the current one, at once
  --dry-run    print the service and the commands, without running them

From the environment: MODEL and SAMPLE, a picture in which that model finds segments."

fail() { echo "cloud-run: $*" >&2; exit 1; }

project='' image='' region=europe-west1 service=maskserve steps=5,25,100 pause=120 roll_back='' dry_run=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --region) region=${2-} ;;
        --service) service=${2-} ;;
        --steps) steps=${2-} ;;
        --pause) pause=${2-} ;;
        --roll-back) roll_back=yes; shift; continue ;;
        --dry-run) dry_run=yes; shift; continue ;;
        --help) echo "$usage"; exit ;;
        -*) fail "unknown option $1
$usage" ;;
        *)
            if [[ ! $project ]]; then project=$1
            elif [[ ! $image ]]; then image=$1
            else fail "one project and one image were expected, and '$1' is a third
$usage"; fi
            shift; continue ;;
    esac
    [[ ${2-} ]] || fail "$1 needs a value
$usage"
    shift 2
done
[[ $project ]] || fail "PROJECT is required
$usage"
[[ $roll_back || $image =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] \
    || fail "expected an image with a digest, IMAGE@sha256:…, not '$image'"
[[ $steps =~ ^([1-9][0-9]?,)*100$ ]] || fail "--steps must be numbers from 1 to 100, the last one 100, not '$steps'"
[[ $pause =~ ^[0-9]+$ ]] || fail "--pause must be a number of seconds, not '$pause'"
model=${MODEL:-nuclei} sample=${SAMPLE:-app/static/samples/fluorescence.png}
export CLOUDSDK_CORE_PROJECT=$project CLOUDSDK_CORE_DISABLE_PROMPTS=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# change COMMAND…: runs it; in a dry run, prints it.
change() {
    if [[ $dry_run ]]; then printf 'would run:'; printf ' %q' "$@"; echo; else "$@" >/dev/null; fi
}

# The service's traffic, a line for each share: revision, per cent, tag, URL of the tag. Empty if there is no service.
traffic() {
    gcloud run services list --region="$region" --filter="metadata.name=$service" --flatten='status.traffic[]' \
        --format='csv[no-heading](status.traffic.revisionName,status.traffic.percent,status.traffic.tag,status.traffic.url)'
}

# The service with a new revision, which is tagged `candidate` and gets no traffic while there is another one.
render() {
    sed -e '/^#/d' -e "s|SERVICE|$service|; s|REVISION|$revision|; s|PROJECT|$project|; s|IMAGE|$image|" \
        deploy/cloud-run/service.yaml
    echo "  traffic:"
    if [[ $before ]]; then
        echo "    - {revisionName: $before, percent: 100, tag: previous}"
        echo "    - {revisionName: $revision, percent: 0, tag: candidate}"
    else
        echo "    - {revisionName: $revision, percent: 100, tag: candidate}"
    fi
}

# The revision with a tag.
tagged() { traffic | awk -F, -v tag="$1" '$3 == tag {print $1; exit}'; }

# shares: who has how much of the traffic, as REVISION=PERCENT, in one line.
shares() {
    traffic | awk -F, '{share[$1] += $2} END {for (name in share) if (share[name]) print name "=" share[name]}' \
        | sort | paste -sd ' '
}

# give REVISION PERCENT [OPTION…]
give() {
    local to=$1=$2
    shift 2
    change gcloud run services update-traffic "$service" --region="$region" --to-revisions="$to" "$@"
}

# step PERCENT: gives the new revision its share, unless the traffic is no longer as the last step left it, `left`.
step() {
    still_ours
    give "$revision" "$1" || go_back failed
    left=$(printf '%s\n' "$before=$((100 - $1))" "$revision=$1" | grep -v '=0$' | sort | paste -sd ' ')
}

still_ours() {
    local now
    [[ ! $dry_run ]] || return 0
    now=$(shares)
    [[ $now == "$left" ]] || fail "somebody else has moved the traffic meanwhile: it is $now, and was $left.
It stays so; revision $revision gets no more"
}

# Whether the revision finds segments in the sample, by the address of its tag.
serves() {
    local url
    url=$(traffic | awk -F, '$3 == "candidate" {print $4}')
    [[ $url ]] || { echo "Revision $revision has no address." >&2; return 1; }
    API_KEY=$(gcloud secrets versions access latest --secret=maskserve-api-key) \
        scripts/smoke.sh "$url" "$model" "$sample"
}

# Whether callers saw no error of the revision since it has traffic, and Cloud Run reports none, such as an instance that
# exceeded its memory. Cloud Run answers 503 for an instance that crashed. The service itself answers 503 if its queue is
# full, which containerConcurrency prevents.
without_errors() {
    local errors
    errors=$(gcloud logging read "resource.type=cloud_run_revision AND resource.labels.service_name=$service
        AND resource.labels.revision_name=$revision AND (httpRequest.status=(500 OR 502 OR 503 OR 504)
        OR (log_id(\"run.googleapis.com/varlog/system\") AND severity>=ERROR))" --freshness=1h --limit=5 \
        --format='value(timestamp,httpRequest.status,httpRequest.requestUrl,textPayload)') || return 1
    [[ ! $errors ]] || { printf 'Revision %s has errors:\n%s\n' "$revision" "$errors" >&2; return 1; }
}

# go_back WHY: gives traffic and the tag `previous` back, and ends.
go_back() {
    local tags=--remove-tags=previous
    trap '' INT TERM  # a second Ctrl+C must not leave this half done
    [[ $before ]] || fail "revision $revision $1, and there is no earlier one to go back to. Check its log"
    [[ ! $previous ]] || tags=--update-tags=previous=$previous
    give "$before" 100 "$tags" || fail "revision $revision $1, and going back failed. Check the traffic now"
    fail "revision $revision $1. All traffic is with $before again"
}

before='' revision=$service-$(date --utc +%Y%m%d-%H%M%S) previous=$(tagged previous)
if [[ $roll_back ]]; then
    [[ $previous ]] || fail "no revision of $service has the tag 'previous', so there is none to go back to"
    [[ $(shares) != "$previous=100" ]] \
        || fail "revision $previous, the one before, has all traffic already. To go back further, choose a revision:
    gcloud run revisions list --service=$service --region=$region --project=$project
    gcloud run services update-traffic $service --region=$region --project=$project --to-revisions=REVISION=100"
    give "$previous" 100
    echo "Revision $previous has all traffic of $service."
    exit
fi

# The revision with most of the traffic: after a deployment that was interrupted, several have some.
before=$(traffic | sort -t, -k2,2nr | awk -F, 'NR == 1 {print $1}')
render >"$work/service.yaml"
[[ ! $dry_run ]] || cat "$work/service.yaml"
[[ $dry_run ]] || trap 'go_back "was interrupted"' INT TERM
change gcloud run services replace "$work/service.yaml" --region="$region" || go_back "did not become ready"
left=${before:-$revision}=100
if [[ ! $dry_run ]]; then serves || { still_ours; go_back failed; }; fi
if [[ $before ]]; then
    for share in ${steps//,/ }; do
        step "$share"
        [[ ! $dry_run ]] || continue
        echo "Revision $revision has $share % of the traffic."
        sleep "$pause" >/dev/null 2>&1 &  # with `wait`, a signal is obeyed at once
        wait $!
        still_ours
        { serves && without_errors; } || { still_ours; go_back failed; }
    done
fi
trap - INT TERM
[[ ! $dry_run ]] || { echo "Dry run: nothing was changed."; exit; }
echo "Service $service runs $image."
