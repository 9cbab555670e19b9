# shellcheck shell=bash
# Looks up what exists and creates what is missing. gcp-setup.sh calls gcloud only through these functions.

complaint=$(mktemp)
trap 'rm -f "$complaint"' EXIT

fail() { printf 'gcp-setup: %s\n' "$*" >&2; exit 1; }

# read_options NAMES WORD…: sets the variable of each option that is given: $alert_email for --alert-email. NAMES are the
# options that take a value; --dry-run and --help do not, and the one word that is no option is the project.
read_options() {
    local known=" $1 " name
    shift
    while [[ $# -gt 0 ]]; do
        case $1 in
            --dry-run) dry_run=yes; shift ;;
            --help) echo "$usage"; exit ;;
            -*)
                name=${1#--}
                [[ $known == *" $name "* ]] || fail "unknown option $1
$usage"
                [[ ${2-} ]] || fail "$1 needs a value
$usage"
                printf -v "${name//-/_}" %s "$2"
                shift 2
                ;;
            *)
                [[ ! $project ]] || fail "expected one project, got two: $project and $1
$usage"
                project=$1
                shift
                ;;
        esac
    done
}

# has_line TEXT LINE: whether LINE is one of the lines of TEXT.
has_line() { [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]; }

# there COMMAND…: whether the resource that the command looks up exists; if so, $found holds the output. Any other
# failure ends the script, so that an existing resource is never taken for a missing one.
there() {
    local said
    if patiently "$starting" "$@"; then return 0; fi
    found=''
    if [[ ${said,,} =~ not_found|'not found'|code=404|'httperror 404'|'cannot find'|'does not exist' ]]; then return 1; fi
    # A service whose API is not enabled yet has no resources. A dry run enables no API.
    if [[ $dry_run && ${said,,} =~ service_disabled|'has not been used'|'is not enabled' ]]; then return 1; fi
    printf '%s\n' "$said" >&2
    fail "look-up failed (see above): $*"
}

# same WHAT WANTED COMMAND…: whether the resource exists with the value WANTED. Ends the script if the value differs.
same() {
    local what=$1 wanted=$2
    shift 2
    there "$@" || return 1
    [[ $found == "$wanted" ]] \
        || fail "$what already exists with ${found:-another value} instead of $wanted. Use that value, or delete the" \
            "resource first (docs/gcp-project.md, Remove everything)."
}

# change WHAT COMMAND…: prints WHAT and runs the command; in a dry run, prints both.
change() {
    local what=$1
    shift
    if [[ $dry_run ]]; then
        printf 'would %s:\n   ' "$what"
        printf ' %q' "$@"
        echo
        return
    fi
    echo "$what"
    local found said refused=$starting
    [[ ! $changed ]] || refused+='|permission|denied|forbidden|not authorized|does not exist'
    if ! patiently "$refused" "$@"; then
        printf '%s\n' "$said" >&2
        fail "could not $what. Fix the error above and run this again; resources that exist are left alone."
    fi
    changed=yes
}

# patiently WHEN COMMAND…: runs the command; $found holds its output, and $said its complaint if it fails. While the
# complaint matches WHEN, it is tried again, with growing pauses, for 7 minutes in all. Any other error is final.
#
# New accounts, roles and APIs take effect within minutes: typically 2, potentially 7
# (https://cloud.google.com/iam/docs/access-change-propagation). A missing right may be a new role's only if this run has
# made a change. An API that has not started yet says so, to look-ups too, and a run before this may have enabled it.
changed=''
starting='has not been used|service_disabled'
patiently() {
    local when=$1 pause
    shift
    for pause in 5 10 20 40 60 60 75 75 75 ''; do
        if found=$("$@" 2>"$complaint"); then return 0; fi
        said=$(<"$complaint")
        [[ ! $dry_run && $pause && ${said,,} =~ $when ]] || return 1
        echo "  refused, perhaps because a role or an API has not taken effect yet; trying again in $pause s:" \
            "${said##*$'\n'}" >&2
        sleep "$pause"
    done
}

# bound MEMBER ROLE GROUP NAME [FLAG…]: whether MEMBER has ROLE on the resource. GROUP is a command group of gcloud, such
# as "pubsub topics".
bound() {
    local member=$1 role=$2 group=$3 name=$4
    shift 4
    # shellcheck disable=SC2086  # a group is several words
    there gcloud $group get-iam-policy "$name" "$@" --flatten='bindings[].members' \
        --format='value(bindings.role,bindings.members)' \
        && has_line "$found" "$role"$'\t'"$member"
}

# bind MEMBER ROLE GROUP NAME [FLAG…]: grants MEMBER the role on the resource, unless it has it already.
bind() {
    if bound "$@"; then return; fi
    local member=$1 role=$2 group=$3 name=$4
    shift 4
    [[ $group != projects ]] || set -- --condition=None
    # shellcheck disable=SC2086
    change "grant $role on $group $name to $member" \
        gcloud $group add-iam-policy-binding "$name" "$@" --member="$member" --role="$role"
}

# bind_agent SERVICE MEMBER ROLE GROUP NAME [FLAG…]: the same for a service agent, the account with which one of
# Google's services acts in the project. It does not exist until it is first needed.
bind_agent() {
    local service=$1
    shift
    if bound "$@"; then return; fi
    change "create the service agent of $service" gcloud beta services identity create --service="$service"
    bind "$@"
}
