# shellcheck shell=bash
# How callers reach the service: an address and a certificate for each overlay's Gateway, and one SSL policy for both.

# entrance NAME DOMAIN
entrance() {
    there gcloud compute addresses describe "$1" --global \
        || change "reserve address $1" gcloud compute addresses create "$1" --global
    # Proves by a DNS record that the domain is ours. So the certificate is issued before callers are sent to the address.
    same "DNS authorization $1" "$2" \
        gcloud certificate-manager dns-authorizations describe "$1" --format='value(domain)' \
        || change "create a DNS authorization for $2" \
            gcloud certificate-manager dns-authorizations create "$1" --domain="$2"
    same "certificate $1" "$2" gcloud certificate-manager certificates describe "$1" --format='value(managed.domains[0])' \
        || change "request a certificate for $2" gcloud certificate-manager certificates create "$1" --domains="$2" \
            --dns-authorizations="$1"
    there gcloud certificate-manager maps describe "$1" \
        || change "create certificate map $1" gcloud certificate-manager maps create "$1"
    same "certificate map entry $1" "$2" \
        gcloud certificate-manager maps entries describe "$1" --map="$1" --format='value(hostname)' \
        || change "add an entry for $2 to certificate map $1" gcloud certificate-manager maps entries create "$1" \
            --map="$1" --hostname="$2" --certificates="$1"
}

create_entrances() {
    # Without one, the load balancer takes TLS 1.0 and ciphers of that time.
    same "SSL policy maskserve" $'TLS_1_2\tMODERN' \
        gcloud compute ssl-policies describe maskserve --global --format='value(minTlsVersion,profile)' \
        || change "require TLS 1.2" gcloud compute ssl-policies create maskserve --global --profile=MODERN \
            --min-tls-version=1.2
    entrance maskserve "$domain"
    entrance maskserve-staging "staging.$domain"
}

# Prints the DNS records that somebody has to set.
print_records() {
    local entrance
    echo "Set these records now. The certificates are issued within an hour:"
    for entrance in maskserve maskserve-staging; do
        there gcloud certificate-manager dns-authorizations describe "$entrance" \
            --format='value[separator=" "](dnsResourceRecord.name,dnsResourceRecord.type,dnsResourceRecord.data)' || true
        echo "    ${found:-see the DNS authorization $entrance}"
    done
    echo "And these to send callers here, once the certificates are active:"
    there gcloud compute addresses describe maskserve --global --format='value(address)' || true
    echo "    $domain. A ${found:-the address maskserve}"
    there gcloud compute addresses describe maskserve-staging --global --format='value(address)' || true
    echo "    staging.$domain. A ${found:-the address maskserve-staging}"
}
