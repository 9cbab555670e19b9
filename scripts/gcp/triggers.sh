# shellcheck shell=bash
# Build triggers: a push to main, or a hot fix, is built and deployed to staging; a tag v* deploys to production.

create_triggers() {
    if [[ $github ]]; then
        connect_github
        trigger github repositoryEventConfig.{repository,push.branch,push.tag} --repository \
            "projects/$project/locations/$region/connections/maskserve/repositories/maskserve"
    elif [[ $source_repositories ]]; then
        there gcloud source repos describe "$source_repositories" \
            || change "create repository $source_repositories" gcloud source repos create "$source_repositories"
        bind "$(member maskserve-build)" roles/source.reader projects "$project"
        bind "$(member maskserve-deploy)" roles/source.reader projects "$project"
        trigger cloud-source-repositories triggerTemplate.{repoName,branchName,tagName} --repo "$source_repositories"
    else
        echo "No triggers without --github or --source-repositories. To deploy by hand, see docs/releases.md."
    fi
}

connect_github() {
    # Cloud Build stores GitHub's token in a secret that it creates itself.
    bind_agent cloudbuild.googleapis.com "serviceAccount:service-$number@gcp-sa-cloudbuild.iam.gserviceaccount.com" \
        roles/secretmanager.admin projects "$project"
    there gcloud builds connections describe maskserve --region="$region" \
        || change "create a connection to GitHub" gcloud builds connections create github maskserve --region="$region"
    there gcloud builds connections describe maskserve --region="$region" \
        --format='value(installationState.stage,installationState.actionUri)' || true
    if [[ ! $dry_run && $found != COMPLETE* ]]; then
        fail "GitHub needs your consent: open ${found##*$'\t'}, allow Cloud Build to read $github, then run this again."
    fi
    same "the connected repository" "https://github.com/$github.git" \
        gcloud builds repositories describe maskserve --connection=maskserve --region="$region" --format='value(remoteUri)' \
        || change "connect $github" gcloud builds repositories create maskserve --connection=maskserve \
            --region="$region" --remote-uri="https://github.com/$github.git"
}

# trigger KIND FIELD BRANCH TAG FLAG NAME: all triggers for a repository of that kind. FLAG is the option that names the
# repository when a trigger is created; an existing trigger holds the name in FIELD, and when it starts in BRANCH or TAG.
trigger() {
    one_trigger build cloudbuild.yaml --branch-pattern='^(main|hotfix/.+)$' "$@"
    one_trigger staging cloudbuild-deploy.yaml --branch-pattern='^(main|hotfix/.+)$' "$@"
    one_trigger production cloudbuild-deploy.yaml --tag-pattern='^v.*' "$@" --require-approval
}

# one_trigger NAME CONFIG WHEN KIND FIELD BRANCH TAG FLAG REPOSITORY [OPTION…]
one_trigger() {
    local name=$1 config=$2 when=$3 kind=$4 fields=$5,$6,$7 flag=$8 repository=$9 account=deploy given="_REGION=$region"
    local approval='' overlay='' event
    shift 9
    if [[ $name == build ]]; then account=build; else overlay=$name given+=",_OVERLAY=$name"; fi
    if [[ " $* " == *" --require-approval "* ]]; then approval=True; fi
    account=projects/$project/serviceAccounts/maskserve-$account@$accounts
    event=${when#*=},
    if [[ $when == --tag-pattern=* ]]; then event=,${when#*=}; fi
    fields+=,filename,serviceAccount,approvalConfig.approvalRequired,substitutions._OVERLAY
    same "trigger maskserve-$name" "$repository,$event,$config,$account,$approval,$overlay" \
        gcloud builds triggers describe "maskserve-$name" --region="$region" \
        --format="value[separator=',']($fields)" \
        || change "create trigger maskserve-$name" gcloud builds triggers create "$kind" \
            --name="maskserve-$name" --region="$region" "$flag=$repository" "$when" --build-config="$config" \
            --service-account="$account" --substitutions="$given" "$@"
}
