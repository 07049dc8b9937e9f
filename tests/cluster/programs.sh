# The programs of a control plane, for scripts to source in the root of the repository: sets the
# variables that name them. They come from $KUBEBUILDER_ASSETS, where kube-controller-manager may be
# missing, or are built with Go 1.26 or newer: 4 minutes on two cores and 2 GB of Go's build cache
# the first time, seconds from then on. Needs a function `fail` that says why and ends the script.
# shellcheck shell=bash
bin=$PWD/target/cluster/bin
assets=${KUBEBUILDER_ASSETS:-}
mkdir -p "$bin"

# A folder with a Go of at least 1.26.
go_folder() {
    local candidate version
    for candidate in "$(dirname "$(command -v go || echo /)")" /usr/local/go/bin; do
        version=$(GOTOOLCHAIN=local "$candidate/go" env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || continue
        if [ -n "$version" ] && printf '1.26\n%s\n' "$version" | sort -CV; then echo "$candidate"; return; fi
    done
    return 1
}

# build MODULE PACKAGE PROGRAM [FLAGS OF THE LINKER]
build() {
    local go started=$SECONDS
    go=$(go_folder) || fail "$3 has to be built, and there is no Go 1.26 or newer on PATH or in /usr/local/go/bin: install it (https://go.dev/dl/), or name a folder with etcd, kube-apiserver and kube-controller-manager in KUBEBUILDER_ASSETS"
    printf 'building %s\n' "$3"
    (cd "tests/cluster/$1" && exec nice "$go/go" build -trimpath -ldflags "-s -w ${4:-}" -o "$bin/$3" "$2") &
    job=$!
    # A shell without job control lets Ctrl-C pass its background jobs by.
    trap 'kill "$job" 2>/dev/null || true' EXIT
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        if [ $(((SECONDS - started) % 20)) -eq 19 ]; then printf '  %s: %s s\n' "$3" "$((SECONDS - started))"; fi
    done
    wait "$job" || fail "$3 cannot be built"
    trap - EXIT
}

# An API server that does not know its version refuses to start.
kubernetes=$(sed -n 's/^.*k8s\.io\/kubernetes \(v[0-9.]*\).*/\1/p' tests/cluster/control-plane/go.mod)
IFS=. read -r major minor _ <<<"${kubernetes#v}"
at=k8s.io/component-base/version
version="-X $at.gitVersion=$kubernetes -X $at.gitMajor=$major -X $at.gitMinor=$minor"

# program NAME MODULE PACKAGE [FLAGS OF THE LINKER]: sets $found to where it is.
program() {
    if [ -n "$assets" ] && [ -x "$assets/$1" ]; then
        found=$(realpath "$assets/$1")
        return
    fi
    if [ -n "$assets" ] && [ "$1" != kube-controller-manager ]; then fail "KUBEBUILDER_ASSETS=$assets has no $1"; fi
    build "$2" "$3" "$1" "${4:-}"
    found=$bin/$1
}
program etcd etcd go.etcd.io/etcd/server/v3
export CLUSTER_ETCD=$found
program kube-apiserver control-plane k8s.io/kubernetes/cmd/kube-apiserver "$version"
export CLUSTER_API_SERVER=$found
program kube-controller-manager control-plane k8s.io/kubernetes/cmd/kube-controller-manager "$version"
export CLUSTER_CONTROLLER_MANAGER=$found
