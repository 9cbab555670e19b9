# shellcheck shell=bash
# The event pipeline: a new image in a bucket goes through the function to the service; results go to another bucket.

create_buckets_and_topics() {
    local name
    bucket images
    bucket results
    for name in images results dead-letters; do
        there gcloud pubsub topics describe "maskserve-$name" \
            || change "create topic maskserve-$name" gcloud pubsub topics create "maskserve-$name"
    done
    # Messages of a topic without a subscription are lost.
    there gcloud pubsub subscriptions describe maskserve-dead-letters \
        || change "keep dead letters for 31 days" gcloud pubsub subscriptions create maskserve-dead-letters \
            --topic=maskserve-dead-letters --message-retention-duration=31d --expiration-period=never
}

announce_images() {
    local agent=serviceAccount:service-$number@gs-project-accounts.iam.gserviceaccount.com
    local binding=("$agent" roles/pubsub.publisher 'pubsub topics' maskserve-images)
    if ! bound "${binding[@]}"; then
        change "create the service agent of Cloud Storage" gcloud storage service-agent
        bind "${binding[@]}"
    fi
    there gcloud storage buckets notifications list "gs://$project-maskserve-images" \
        --format=json || true
    [[ $found == */topics/maskserve-images\"* ]] \
        || change "send notifications of new images to Pub/Sub" gcloud storage buckets notifications create \
            "gs://$project-maskserve-images" --topic=maskserve-images --event-types=OBJECT_FINALIZE \
            --payload-format=json
}

create_function() {
    account maskserve-events "runs the function"
    bind "$(member maskserve-events)" roles/storage.objectViewer 'storage buckets' "gs://$project-maskserve-images"
    # objectCreator is not enough: a retry overwrites the record of an earlier failure.
    bind "$(member maskserve-events)" roles/storage.objectUser 'storage buckets' "gs://$project-maskserve-results"
    bind "$(member maskserve-events)" roles/pubsub.publisher 'pubsub topics' maskserve-results
    bind "$(member maskserve-events)" roles/secretmanager.secretAccessor secrets maskserve-events-key

    create_function_build
    deploy_function
}

# The account that builds the function, and where gcloud puts the function's sources and image. These are made here, with
# the names that gcloud expects, so that the account can be given roles on them alone: roles/run.builder would let it
# change every image of the project, the one in which deployments run included, and read every bucket.
create_function_build() {
    local sources=run-sources-$project-$region
    account maskserve-function-build "builds the function"
    bind "$(member maskserve-function-build)" roles/logging.logWriter projects "$project"
    repository cloud-run-source-deploy --description='Image of the function'
    bind "$(member maskserve-function-build)" roles/artifactregistry.writer \
        'artifacts repositories' cloud-run-source-deploy --location="$region"
    bucket_named "$sources"
    bind "$(member maskserve-function-build)" roles/storage.objectViewer 'storage buckets' "gs://$sources"
}

# A label holds a fingerprint of the function's code and options. The function is deployed again only if the fingerprint
# has changed, or if the last deployment did not become ready.
deploy_function() {
    local settings how fingerprint
    there gcloud compute addresses describe maskserve-internal --region="$region" --format='value(address)' || true
    settings=RESULT_BUCKET=$project-maskserve-results
    settings+=,RESULT_TOPIC=projects/$project/topics/maskserve-results
    settings+=,SERVICE_URL=http://${found:-maskserve-internal}
    settings+=,THREADS=2
    how=(
        --source=functions --function=segment --base-image=python311
        --service-account="maskserve-events@$accounts"
        --build-service-account="projects/$project/serviceAccounts/maskserve-function-build@$accounts"
        --no-allow-unauthenticated --ingress=internal --set-env-vars="$settings"
        --set-secrets=SERVICE_API_KEY=maskserve-events-key:latest
        --network=default --subnet=default --vpc-egress=private-ranges-only
        --timeout=300 --memory=2Gi --concurrency=16 --max-instances=8
    )
    fingerprint=$({ echo "${how[@]}"; cat functions/*.py functions/requirements.txt; } | sha256sum | cut -c 1-16)
    runs_as "$fingerprint" \
        || change "deploy function maskserve-events" gcloud run deploy maskserve-events --region="$region" \
            "${how[@]}" --labels="fingerprint=$fingerprint"
    # Cloud Run may accept a revision that does not start, and leave the traffic with the one before it.
    [[ $dry_run ]] || runs_as "$fingerprint" \
        || fail "function maskserve-events is not ready: its latest revision does not serve. See why, then run this again:
    gcloud run services describe maskserve-events --region=$region
    gcloud logging read 'resource.labels.service_name=\"maskserve-events\"' --limit=20"
}

# runs_as FINGERPRINT: whether the function was deployed with it, and its latest revision serves.
runs_as() {
    there gcloud run services describe maskserve-events --region="$region" \
        --format='value(metadata.labels.fingerprint,status.conditions.filter("type=Ready").map().extract("status"))' \
        && [[ $found == "$1"$'\t'"['True']" ]]
}

# A push subscription of our own rather than a trigger's, so that we set ack deadline, retries and dead letters.
subscribe_function() {
    local url agent=serviceAccount:service-$number@gcp-sa-pubsub.iam.gserviceaccount.com
    account maskserve-push "pushes events to the function"
    bind "$(member maskserve-push)" roles/run.invoker 'run services' maskserve-events --region="$region"

    there gcloud run services describe maskserve-events --region="$region" --format='value(status.url)' || true
    [[ $found || $dry_run ]] || fail "function maskserve-events has no URL yet. Run this again in a minute"
    url=${found:-https://maskserve-events.example}
    # The path tells the function which topic the event is from. The token's audience is the URL without a path, as
    # Cloud Run requires. docs/events.md explains the figures.
    same "subscription maskserve-images" "$url/projects/$project/topics/maskserve-images" \
        gcloud pubsub subscriptions describe maskserve-images --format='value(pushConfig.pushEndpoint)' \
        || change "subscribe the function to new images" gcloud pubsub subscriptions create maskserve-images \
            --topic=maskserve-images --push-endpoint="$url/projects/$project/topics/maskserve-images" \
            --push-auth-service-account="maskserve-push@$accounts" --push-auth-token-audience="$url" \
            --ack-deadline=300 --min-retry-delay=60s --max-retry-delay=600s \
            --dead-letter-topic=maskserve-dead-letters --max-delivery-attempts=100 --expiration-period=never

    # Pub/Sub's service agent forwards dead letters.
    bind_agent pubsub.googleapis.com "$agent" roles/pubsub.publisher 'pubsub topics' maskserve-dead-letters
    bind_agent pubsub.googleapis.com "$agent" roles/pubsub.subscriber 'pubsub subscriptions' maskserve-images
}
