# shellcheck shell=bash
# An image that lands in a bucket goes through the function to the service, and its results to another bucket.

create_buckets_and_topics() {
    local name
    bucket images
    bucket results
    for name in images results dead-letters; do
        there gcloud pubsub topics describe "maskserve-$name" \
            || change "create topic maskserve-$name" gcloud pubsub topics create "maskserve-$name"
    done
    # A topic forgets what nobody subscribes to.
    there gcloud pubsub subscriptions describe maskserve-dead-letters \
        || change "keep dead letters for 31 days" gcloud pubsub subscriptions create maskserve-dead-letters \
            --topic=maskserve-dead-letters --message-retention-duration=31d --expiration-period=never
}

announce_images() {
    local agent=serviceAccount:service-$number@gs-project-accounts.iam.gserviceaccount.com
    local binding=("$agent" roles/pubsub.publisher 'pubsub topics' maskserve-images)
    if ! bound "${binding[@]}"; then
        change "have the account of Cloud Storage made" gcloud storage service-agent
        bind "${binding[@]}"
    fi
    there gcloud storage buckets notifications list "gs://$project-maskserve-images" \
        --format=json || true
    [[ $found == */topics/maskserve-images\"* ]] \
        || change "announce new images" gcloud storage buckets notifications create \
            "gs://$project-maskserve-images" --topic=maskserve-images --event-types=OBJECT_FINALIZE \
            --payload-format=json
}

create_function() {
    account maskserve-events "the function"
    bind "$(member maskserve-events)" roles/storage.objectViewer 'storage buckets' "gs://$project-maskserve-images"
    # Not only to add results: the record of a failure is written over when the image is worked on again.
    bind "$(member maskserve-events)" roles/storage.objectUser 'storage buckets' "gs://$project-maskserve-results"
    bind "$(member maskserve-events)" roles/pubsub.publisher 'pubsub topics' maskserve-results
    bind "$(member maskserve-events)" roles/secretmanager.secretAccessor secrets maskserve-events-key

    account maskserve-function-build "builds the function"
    bind "$(member maskserve-function-build)" roles/run.builder projects "$project"

    deploy_function
}

# The function carries the fingerprint of how and of what it was deployed, so that it is deployed again when that
# changes, and only then; or when the last deployment has not become ready.
deploy_function() {
    local settings how fingerprint
    settings=RESULT_BUCKET=$project-maskserve-results
    settings+=,RESULT_TOPIC=projects/$project/topics/maskserve-results
    settings+=,SERVICE_URL=https://$domain
    how=(
        --source=functions --function=segment --base-image=python311
        --service-account="maskserve-events@$accounts"
        --build-service-account="projects/$project/serviceAccounts/maskserve-function-build@$accounts"
        --no-allow-unauthenticated --set-env-vars="$settings"
        --set-secrets=SERVICE_API_KEY=maskserve-events-key:latest
        --timeout=300 --memory=2Gi --concurrency=2 --max-instances=8
    )
    fingerprint=$({ echo "${how[@]}"; cat functions/*.py functions/requirements.txt; } | sha256sum | cut -c 1-16)
    there gcloud run services describe maskserve-events --region="$region" \
        --format='value(metadata.labels.fingerprint,status.conditions.filter("type=Ready").map().extract("status"))' || true
    [[ $found == "$fingerprint"$'\t'"['True']" ]] \
        || change "deploy function maskserve-events" gcloud run deploy maskserve-events --region="$region" \
            "${how[@]}" --labels="fingerprint=$fingerprint"
}

# Our own push subscription, so that deadline, retries and dead letters are ours too.
subscribe_function() {
    local url agent=serviceAccount:service-$number@gcp-sa-pubsub.iam.gserviceaccount.com
    account maskserve-push "pushes events to the function"
    bind "$(member maskserve-push)" roles/run.invoker 'run services' maskserve-events --region="$region"

    there gcloud run services describe maskserve-events --region="$region" --format='value(status.url)' || true
    [[ $found || $dry_run ]] || fail "function maskserve-events has no address yet: run this again in a minute"
    url=${found:-https://maskserve-events.example}
    # The path tells the function of which topic the event is; Cloud Run asks for a token for the address without it.
    # docs/events.md says where the figures come from.
    same "subscription maskserve-images" "$url/projects/$project/topics/maskserve-images" \
        gcloud pubsub subscriptions describe maskserve-images --format='value(pushConfig.pushEndpoint)' \
        || change "subscribe the function to new images" gcloud pubsub subscriptions create maskserve-images \
            --topic=maskserve-images --push-endpoint="$url/projects/$project/topics/maskserve-images" \
            --push-auth-service-account="maskserve-push@$accounts" --push-auth-token-audience="$url" \
            --ack-deadline=300 --min-retry-delay=10s --max-retry-delay=600s \
            --dead-letter-topic=maskserve-dead-letters --max-delivery-attempts=100 --expiration-period=never

    # What moves dead letters is Pub/Sub's own account.
    bind_agent pubsub.googleapis.com "$agent" roles/pubsub.publisher 'pubsub topics' maskserve-dead-letters
    bind_agent pubsub.googleapis.com "$agent" roles/pubsub.subscriber 'pubsub subscriptions' maskserve-images
}
