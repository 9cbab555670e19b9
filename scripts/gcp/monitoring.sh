# shellcheck shell=bash
# Who is told when something is wrong, and of what: alert policies, uptime check, objective, dashboard, budget. Policies
# and channels are in gcloud's alpha and beta groups, because only recent versions have them in the general one.

create_monitoring() {
    local file channel='' critical=''
    create_uptime_check
    create_objective
    create_dashboard
    if [[ $alert_email ]]; then
        find_channel
        channel=$found
        find_critical_channel
        critical=$found
        # One look-up for all of them: two dozen would take a minute.
        there gcloud alpha monitoring policies list --format='value(displayName,name,userLabels.fingerprint)' || true
        policies=$found
        see_whether_released
        made=$(mktemp -d)
        trap 'rm -rf "$complaint" "$made"' EXIT
        for file in scripts/gcp/monitoring/policies/*.json; do
            policy "$file" "$channel" "$critical"
        done
    else
        echo "No alerts without --alert-email: nobody will be told when the service fails."
    fi
    if [[ $budget ]]; then create_budget "$channel"; fi
}

# find_channel: sets $found to the name of the notification channel, which Google gives it.
find_channel() {
    channel_of_address
    [[ ! $found ]] || return 0
    change "send alerts to $alert_email" gcloud beta monitoring channels create --type=email \
        --display-name=MaskServe --channel-labels="email_address=$alert_email"
    channel_of_address
    [[ $found || $dry_run ]] || fail "the notification channel cannot be found yet. Run this again in a minute"
    found=${found:-the-new-channel}
}

channel_of_address() {
    there gcloud beta monitoring channels list --type=email --format='value(labels.email_address,name)' || true
    found=$(awk -F '\t' -v address="$alert_email" '$1 == address { print $2; exit }' <<<"$found")
}

# find_critical_channel: sets $found to the channel that critical alerts go to as well, which somebody has made in the
# console: those of PagerDuty or for text messages need a secret or a confirmation. Empty if none is asked for.
find_critical_channel() {
    found=''
    [[ $alert_channel ]] || return 0
    there gcloud beta monitoring channels list --format='value(displayName,name)' || true
    found=$(awk -F '\t' -v name="$alert_channel" '$1 == name { print $2 }' <<<"$found")
    [[ $found && $found != *$'\n'* ]] || fail "there must be one notification channel named '$alert_channel':
    https://console.cloud.google.com/monitoring/alerting/notifications?project=$project"
}

# These fire when nothing is there, and so they would from the first setup to the first release. scripts/record-release.sh
# tags what production runs; until then they are disabled.
of_absence='MaskServeAbsent MaskServeUnreachable'
see_whether_released() {
    released=''
    if there gcloud artifacts docker images describe "$region-docker.pkg.dev/$project/maskserve/maskserve:production"; then
        released=yes
    else
        echo "Disabled until production is deployed: ${of_absence/ / and }. Run this again then."
    fi
}

# policy FILE CHANNEL CRITICAL. A label holds a fingerprint of all three. The policy is replaced only if they have changed,
# so that a threshold that somebody changed in the console stays until then.
policy() {
    local name text channels=$2 fingerprint line existing state=enabled
    name=$(basename "$1" .json)
    text=$(<"$1")
    text=${text//CHECK_ID/$check}
    text=${text//REGION/$region}
    if [[ $github ]]; then text=${text//docs\/alerts.md/https:\/\/github.com\/$github\/blob\/main\/docs\/alerts.md}; fi
    if [[ $3 && $text == *'"severity": "CRITICAL"'* ]]; then channels+=,$3; fi
    if [[ ! $released && " $of_absence " == *" $name "* ]]; then state=no-enabled; fi
    # At most services nobody is there at night. Whoever wants to be told enables it in the console.
    if [[ $name == MaskServeNoTraffic ]]; then state=no-enabled; fi
    fingerprint=$(sha256sum <<<"$channels $state $text" | cut -c 1-16)
    line=$(awk -F '\t' -v name="$name" '$1 == name { print; exit }' <<<"$policies")
    existing=$(cut -f 2 <<<"$line")
    [[ $line != *$'\t'$fingerprint ]] || return 0
    printf '%s\n' "$text" >"$made/$name.json"
    if [[ ! $line ]]; then
        change "create alert policy $name" gcloud alpha monitoring policies create --policy-from-file="$made/$name.json" \
            "--$state" --notification-channels="$channels" --user-labels="fingerprint=$fingerprint"
    else
        change "replace alert policy $name" gcloud alpha monitoring policies update "$existing" \
            --policy-from-file="$made/$name.json" "--$state" --set-notification-channels="$channels" \
            --update-user-labels="fingerprint=$fingerprint"
    fi
}

# Only of production, and of the way through address, certificate and load balancer, which the pods' probes do not take.
# Sets $check to its id, by which the alert knows it from other checks of the project.
create_uptime_check() {
    local host
    if ! uptime_check; then
        change "check https://$domain/readyz from several continents" \
            gcloud monitoring uptime create MaskServe --resource-type=uptime-url \
                --resource-labels="host=$domain,project_id=$project" --protocol=https --path=/readyz \
                --validate-ssl=true --period=1 --timeout=10
        uptime_check || [[ $dry_run ]] || fail "the uptime check cannot be found yet. Run this again in a minute"
    fi
    IFS=, read -r host check <<<"$found"
    check=${check##*/}
    [[ $dry_run || $host == "$domain" ]] || fail "the uptime check MaskServe asks $host instead of $domain. Delete it, then" \
        "run this again: gcloud monitoring uptime delete $check"
}

# uptime_check: whether it exists; $found has its host and its name.
uptime_check() {
    there gcloud monitoring uptime list-configs \
        --format='csv[no-heading](displayName,monitoredResource.labels.host,name)' || true
    found=$(sed -n 's/^MaskServe,//p' <<<"$found")
    [[ $found ]]
}

# The objective, as the console shows it under SLOs; docs/alerts.md explains it. The alerts have queries of their own. A
# label holds a fingerprint of it.
create_objective() {
    local objectives=services/maskserve/serviceLevelObjectives text fingerprint
    there monitoring_api GET services/maskserve \
        || change "create service MaskServe in Cloud Monitoring" \
            monitoring_api POST 'services?serviceId=maskserve' '{"displayName": "MaskServe", "custom": {}}'
    text=$(<scripts/gcp/monitoring/objective.json)
    fingerprint=$(sha256sum <<<"$text" | cut -c 1-16)
    text=${text/FINGERPRINT/$fingerprint}
    if ! there monitoring_api GET "$objectives/answered"; then
        change "create its objective" monitoring_api POST "$objectives?serviceLevelObjectiveId=answered" "$text"
    elif [[ $found != *"\"$fingerprint\""* ]]; then
        change "replace its objective" monitoring_api PATCH "$objectives/answered" "$text"
    fi
}

# monitoring_api METHOD PATH [JSON]: calls the API of Cloud Monitoring, since gcloud has no commands for services and their
# objectives. The token is in no argument: every process on the machine can read those.
monitoring_api() {
    local answer
    answer=$(curl --silent --show-error --fail-with-body --request "$1" \
        --header @<(printf 'Authorization: Bearer %s\n' "$(gcloud auth print-access-token)") \
        --header 'Content-Type: application/json' ${3:+--data "$3"} \
        "https://monitoring.googleapis.com/v3/projects/$project/$2") || { printf '%s\n' "$answer" >&2; return 1; }
    printf '%s\n' "$answer"
}

create_dashboard() {
    there gcloud monitoring dashboards list --format='value(displayName)' || true
    has_line "$found" MaskServe || change "create dashboard MaskServe" \
        gcloud monitoring dashboards create --config-from-file=scripts/gcp/monitoring/dashboard.json
}

# create_budget CHANNEL: of the project alone, although it belongs to the billing account. CHANNEL may be empty; then
# only the billing account's administrators are told.
create_budget() {
    local account name units currency recipients=()
    there gcloud billing projects describe "$project" --format='value(billingAccountName)' || true
    account=${found#billingAccounts/}
    [[ $account || $dry_run ]] || fail "project $project has no billing account, so --budget cannot be set"
    account=${account:-the-billing-account}
    there gcloud billing budgets list --billing-account="$account" \
        --format='csv[no-heading](displayName,name,amount.specifiedAmount.units,amount.specifiedAmount.currencyCode)' || true
    found=$(sed -n "s/^MaskServe in $project,//p" <<<"$found")
    if [[ $found ]]; then
        IFS=, read -r name units currency <<<"$found"
        [[ $budget == "$units" || $budget == "$units$currency" ]] \
            || change "replace the budget of $units$currency by $budget" gcloud billing budgets update "$name" \
                --billing-account="$account" --budget-amount="$budget"
        return
    fi
    [[ ! $1 ]] || recipients=(--notifications-rule-monitoring-notification-channels="$1")
    change "warn when the project's costs of a month approach $budget" gcloud billing budgets create \
        --billing-account="$account" --display-name="MaskServe in $project" --budget-amount="$budget" \
        --filter-projects="projects/$number" --threshold-rule=percent=0.5 --threshold-rule=percent=0.9 \
        --threshold-rule=percent=1.0,basis=forecasted-spend "${recipients[@]}"
}
