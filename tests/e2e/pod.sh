# A Pod as Kubernetes would run it, and the world around it. To be sourced behind `common.sh`.
#
#   the world, which is the script:  10.1.0.2 ──────── 10.1.0.1  the Pod: the image's files, read-only;
#   clients, upstreams, resolvers                                 uid 65532, NET_BIND_SERVICE and nothing else
#
# The image is what the Dockerfile says, so far as one can do without a container runtime.

# Starts the script again in namespaces of its own, with everything that it starts: they end together.
in_namespaces() {
    [ -z "${IN_NAMESPACES-}" ] || return 0
    rm -rf "$work"
    IN_NAMESPACES=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
}

pod_address=10.1.0.1
world_address=10.1.0.2
join_networks() {
    unshare --net sleep infinity &
    pod_net=/proc/$!/ns/net
    ip link set lo up
    eventually ip link add world type veth peer name eth0 netns "$!"
    ip address add "$world_address/24" dev world
    ip link set world up
    in_pod_net ip link set lo up
    in_pod_net ip address add "$pod_address/24" dev eth0
    in_pod_net ip link set eth0 up
    in_pod_net ip route add default via "$world_address"
}
in_pod_net() { nsenter --net="$pod_net" "$@"; }

# The image's files, and a Corefile mounted as a ConfigMap is.
dockerfile=$(dirname "$0")/../../Dockerfile
entrypoint=$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]$/\1/p' "$dockerfile")
user=$(sed -n 's/^USER \([0-9]*\):.*/\1/p' "$dockerfile")
# `ln -s TARGET /image/NAME`: what else the binary is called.
read -r link_target link < <(sed -n 's|.*ln -s \([^ ]*\) /image\(/[^ ]*\)$|\1 \2|p' "$dockerfile")
make_image() {
    mkdir -p "$work"/{files,root,config} "$work"/files/etc/{coredns,ssl/certs}
    cp "$1" "$work/files$entrypoint"
    ln -s "$link_target" "$work/files$link"
    echo "nameserver $world_address" >"$work/files/etc/resolv.conf"
    chmod -R a+rX "$work"
    mount --bind "$work/files" "$work/root"
    mount -o remount,bind,ro "$work/root"
    mount --bind "$work/config" "$work/root/etc/coredns"
    mounts="$work/root/etc/coredns $work/root"
}

# As a kubelet changes it: another folder, and a link that leads there from one moment to the next.
configure() {
    generation=$(mktemp -d "$work/config/..XXXXXX")
    chmod a+rx "$generation"
    cat >"$generation/Corefile"
    ln -s "${generation##*/}" "$work/config/..next"
    mv -T "$work/config/..next" "$work/config/..data"
    [ -L "$work/config/Corefile" ] || ln -s ..data/Corefile "$work/config/Corefile"
}

# Runs what the image runs with these arguments, as the first process of its Pod.
#   pod CAPABILITY ARGUMENT...
pod() {
    capability=$1
    shift
    inherited=() kept=()
    if [ "$capability" != none ]; then inherited=(--inh="$capability") kept=(--addamb="$capability"); fi
    exec nsenter --net="$pod_net" unshare --pid --fork --kill-child capsh --chroot="$work/root" \
        "${inherited[@]}" --drop=all --keep=1 --gid="$user" --uid="$user" "${kept[@]}" --no-new-privs \
        --shell="$entrypoint" -- "$@"
}

# Starts it, and waits until it serves.
start_pod() {
    : >"$work/pod.log"
    pod "$@" >"$work/pod.log" 2>&1 &
    pod=$!
    eventually grep -q 'listening on' "$work/pod.log"
}

# The first process of the Pod.
first() { tr -d ' ' <"/proc/$pod/task/$pod/children"; }
signal_pod() { kill "-$1" "$(first)"; }
ends() { if wait "$pod"; then ok "$1 ends it with 0"; else fail "$1 ends it with $?"; fi; }
ask() { dig "@$pod_address" +time=2 +tries=2 "$@"; }
get() { curl -sS --max-time 5 "http://$pod_address:$1"; }
