#!/usr/bin/env bash
# Fails if a local image has a critical vulnerability that has a fix: scan-image.sh IMAGE:TAG
# Critical vulnerabilities without a fix are printed, but do not block a deployment.
set -euo pipefail

image=${1:?IMAGE:TAG is missing. Usage: scan-image.sh IMAGE:TAG}

# The scanner's location: the one nearest to the registry.
case $image in
    europe-*) location=europe ;;
    asia-*) location=asia ;;
    *) location=us ;;
esac

# Not in a pipe: a failed scan must not look like one that found nothing.
scan=$(gcloud artifacts docker images scan "$image" --location="$location" --format='value(response.scan)')
[[ $scan ]] || { echo "The scan of $image returned no result. Is the On-Demand Scanning API enabled?" >&2; exit 1; }
found=$(gcloud artifacts docker images list-vulnerabilities "$scan" --format='value(
    vulnerability.effectiveSeverity,
    vulnerability.fixAvailable,
    vulnerability.shortDescription,
    vulnerability.packageIssue[0].affectedPackage,
    vulnerability.packageIssue[0].fixedVersion.fullName)')

critical=$(awk -F '\t' '$1 == "CRITICAL"' <<<"$found")
fixable=$(awk -F '\t' '$2 == "True" || $5' <<<"$critical")

if [[ $critical ]]; then
    echo "$image has critical vulnerabilities (severity, fix available, name, package, fixed version):" >&2
    echo "$critical" >&2
fi
if [[ $fixable ]]; then
    echo "Update the base image in the Dockerfile, or the package (requirements-serve.txt, then make locks)." >&2
    exit 1
fi
echo "$image has no critical vulnerability with a fix ($(grep -c . <<<"$found" || true) vulnerabilities in total)."
