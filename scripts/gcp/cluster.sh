# shellcheck shell=bash
# The network and the cluster. Nodes have no public addresses, and neither has the cluster's control plane.

# In 192.168.0.0/16, because networks in auto mode have their subnets in 10.128.0.0/9. k8s/components/internal admits it.
proxies=192.168.64.0/23

create_network() {
    there gcloud compute networks describe default \
        || change "create network default" gcloud compute networks create default --subnet-mode=auto
    # To Google's services, image streaming among them, nodes go without a public address,
    there gcloud compute networks subnets describe default --region="$region" --format='value(privateIpGoogleAccess)' || true
    [[ $found == True ]] \
        || change "enable Private Google Access" gcloud compute networks subnets update default --region="$region" \
            --enable-private-ip-google-access
    # and to everything else through Cloud NAT.
    there gcloud compute routers describe maskserve --region="$region" \
        || change "create router maskserve" gcloud compute routers create maskserve --region="$region" --network=default
    there gcloud compute routers nats describe maskserve --router=maskserve --region="$region" \
        || change "create Cloud NAT maskserve" gcloud compute routers nats create maskserve --router=maskserve \
            --region="$region" --auto-allocate-nat-external-ips --nat-all-subnet-ip-ranges

    # The internal gateway: its address, a subnet for its proxies, and their way to the pods.
    there gcloud compute addresses describe maskserve-internal --region="$region" \
        || change "reserve address maskserve-internal" gcloud compute addresses create maskserve-internal \
            --region="$region" --subnet=default --purpose=SHARED_LOADBALANCER_VIP
    there gcloud compute networks subnets describe maskserve-proxies --region="$region" \
        || change "create subnet maskserve-proxies" gcloud compute networks subnets create maskserve-proxies \
            --region="$region" --network=default --purpose=REGIONAL_MANAGED_PROXY --role=ACTIVE --range="$proxies"
    there gcloud compute firewall-rules describe maskserve-from-proxies \
        || change "allow these proxies to reach the pods" gcloud compute firewall-rules create maskserve-from-proxies \
            --network=default --allow=tcp:8080 --source-ranges="$proxies" \
            --target-service-accounts="maskserve-nodes@$accounts"
}

create_node_account() {
    account maskserve-nodes "runs the cluster's nodes"
    bind "$(member maskserve-nodes)" roles/container.defaultNodeServiceAccount projects "$project"
    # For image streaming, with which a new node starts pods before it has pulled all of their image.
    bind "$(member maskserve-nodes)" roles/serviceusage.serviceUsageConsumer projects "$project"
    readable maskserve nodes
    readable docker-hub nodes  # Redis
}

create_cluster() {
    if cluster; then
        case $found in
            PROVISIONING*) fail "an earlier run is still creating cluster maskserve. Run this again in ten minutes" ;;
            ERROR*) fail "cluster maskserve is in state ERROR. Delete it, then run this again:
    gcloud container clusters delete maskserve --region=$region" ;;
        esac
        closed "$found"
    else
        # Its only address is a DNS name, at which Google checks IAM before anything reaches the cluster.
        change "create cluster maskserve (takes ten minutes)" gcloud container clusters create-auto maskserve \
            --region="$region" --release-channel=regular --enable-private-nodes --enable-dns-access \
            --no-enable-ip-access --service-account="maskserve-nodes@$accounts"
    fi
}

# cluster: whether there is one; $found has its status, whether nodes are private (two fields, by the cluster's age),
# whether it has a DNS name and whether an address, and the nodes' account.
cluster() {
    local fields=status,networkConfig.defaultEnablePrivateNodes,privateClusterConfig.enablePrivateNodes
    fields+=,controlPlaneEndpointsConfig.dnsEndpointConfig.allowExternalTraffic
    fields+=,controlPlaneEndpointsConfig.ipEndpointsConfig.enabled
    fields+=,autoscaling.autoprovisioningNodePoolDefaults.serviceAccount
    there gcloud container clusters describe maskserve --region="$region" --format="csv[no-heading]($fields)"
}

# closed FIELDS: ends the script if an existing cluster is open in a way that create_cluster would not leave it, since
# somebody may be relying on that.
closed() {
    local private private_before name address account how=() nodes=maskserve-nodes@$accounts
    IFS=, read -r _ private private_before name address account <<<"$1"
    [[ $private == True || $private_before == True ]] || how+=(--enable-private-nodes)
    [[ $name == True ]] || how+=(--enable-dns-access)
    [[ $address != True ]] || how+=(--no-enable-ip-access)
    [[ ${#how[@]} -eq 0 ]] || fail "cluster maskserve can be reached in other ways than this script sets up. Change that:
    gcloud container clusters update maskserve --region=$region ${how[*]}"
    [[ $account == "$nodes" ]] || fail "the nodes of cluster maskserve run as '$account' instead of $nodes, which only" \
        "a new cluster changes (docs/gcp-project.md, Remove everything)"
}
