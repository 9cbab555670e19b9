#!/usr/bin/env bash
# Fails if an image on this machine has a critical vulnerability for which there is a fix: scan-image.sh IMAGE:TAG
# One that nobody can mend yet is named, and holds up no deployment.
set -euo pipefail

image=${1:?which image? scan-image.sh IMAGE:TAG}

# Where the list of packages is looked at; nearest to the registry.
case $image in
    europe-*) location=europe ;;
    asia-*) location=asia ;;
    *) location=us ;;
esac

# Each answer is kept before it is looked at: a scan that failed must not pass for one that found nothing.
scan=$(gcloud artifacts docker images scan "$image" --location="$location" --format='value(response.scan)')
[[ $scan ]] || { echo "The scan of $image has no result: is the On-Demand Scanning API enabled?" >&2; exit 1; }
found=$(gcloud artifacts docker images list-vulnerabilities "$scan" --format='value(
    vulnerability.effectiveSeverity,
    vulnerability.fixAvailable,
    vulnerability.shortDescription,
    vulnerability.packageIssue[0].affectedPackage,
    vulnerability.packageIssue[0].fixedVersion.fullName)')

critical=$(awk -F '\t' '$1 == "CRITICAL"' <<<"$found")
mendable=$(awk -F '\t' '$2 == "True" || $5' <<<"$critical")

if [[ $critical ]]; then
    echo "$image has critical vulnerabilities (severity, whether there is a fix, name, package, fixed in):" >&2
    echo "$critical" >&2
fi
if [[ $mendable ]]; then
    echo "Take a newer base image in the Dockerfile, or a newer package in requirements-serve.txt." >&2
    exit 1
fi
echo "No critical vulnerability in $image that could be mended, of $(grep -c . <<<"$found" || true) in all."
