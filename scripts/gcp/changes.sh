# shellcheck shell=bash
# Looking up what there is, and making what is not: the only ways in which gcp-setup.sh calls gcloud.

complaint=$(mktemp)
trap 'rm -f "$complaint"' EXIT

fail() { printf 'gcp-setup: %s\n' "$*" >&2; exit 1; }

# there COMMAND…: whether what the command looks up exists; $found is then what it answers. A look-up that fails for
# another reason ends all: what exists must not be taken for missing.
there() {
    if found=$("$@" 2>"$complaint"); then return 0; fi
    found=''
    if grep -qiE 'NOT_FOUND|not found|code=404|HTTPError 404|cannot find|does not exist' "$complaint"; then return 1; fi
    # Before its interface is enabled a service has nothing; a dry run enables none.
    if [[ $dry_run ]] && grep -qiE 'SERVICE_DISABLED|has not been used|is not enabled' "$complaint"; then return 1; fi
    cat "$complaint" >&2
    fail "could not look that up: $*"
}

# same WHAT WANTED COMMAND…: whether what the command looks up exists; ends all where it exists and is for another.
same() {
    local what=$1 wanted=$2
    shift 2
    there "$@" || return 1
    [[ $found == "$wanted" ]] \
        || fail "$what exists with ${found:-something else} instead of $wanted. Ask for that, or remove it first" \
            "(docs/deploy-gcp.md, Remove everything)."
}

# change WHAT COMMAND…: says WHAT it does, and does it unless this is a dry run.
change() {
    local what=$1
    shift
    if [[ $dry_run ]]; then
        [[ $1 != patiently ]] || shift
        printf 'would %s:\n   ' "$what"
        printf ' %q' "$@"
        echo
        return
    fi
    echo "$what"
    "$@" >/dev/null \
        || fail "could not $what. Put right what is said above and run this again: what is there is left as it is."
}

# bound MEMBER ROLE GROUP NAME [FLAG…]: whether MEMBER has ROLE on the resource. GROUP is gcloud's, "pubsub topics".
bound() {
    local member=$1 role=$2 group=$3 name=$4
    shift 4
    # shellcheck disable=SC2086  # a group is several words
    there gcloud $group get-iam-policy "$name" "$@" --flatten='bindings[].members' \
        --format='value(bindings.role,bindings.members)' \
        && grep -qxF "$role"$'\t'"$member" <<<"$found"
}

# bind MEMBER ROLE GROUP NAME [FLAG…]: gives MEMBER the role on the resource, unless it has it.
bind() {
    if bound "$@"; then return; fi
    local member=$1 role=$2 group=$3 name=$4
    shift 4
    [[ $group != projects ]] || set -- --condition=None
    # shellcheck disable=SC2086
    change "give $role on $group $name to $member" \
        patiently gcloud $group add-iam-policy-binding "$name" "$@" --member="$member" --role="$role"
}

# bind_agent SERVICE MEMBER ROLE GROUP NAME [FLAG…]: the same for the account by which one of Google's services acts
# in the project, which is made when it is first needed.
bind_agent() {
    local service=$1
    shift
    if bound "$@"; then return; fi
    change "have the account of $service made" gcloud beta services identity create --service="$service"
    bind "$@"
}

# A new account is not known everywhere at once.
patiently() {
    local attempt
    for attempt in 1 2 3 4; do
        if "$@"; then return; fi
        sleep $((attempt * 5))
    done
    "$@"
}
