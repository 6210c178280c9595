#!/bin/sh
# Shows the operator at work on a real control plane on loopback. See `make demo`.
#
#   hack/demo.sh          run, show, end, leave nothing behind
#   hack/demo.sh keep     leave control plane and operator running
#   hack/demo.sh stop     end what `keep` left
set -eu
repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$repo"
mode=${1:-}
state=$repo/.world
operator=docker-pull-secret-operator

stop() {
    if [ -f "$state/operator.pid" ]; then
        kill "$(cat "$state/operator.pid")" 2>/dev/null || true
    fi
    if [ -f "$state/world.json" ]; then
        "$bin/world" down --state "$state"
    fi
    rm -rf "$state"
}

bin=$(tests/env/tools.sh etcd kube-apiserver kube-controller-manager kubectl registry world helm)
if why=$("$bin/world" node-check 2>&1); then
    tests/env/tools.sh node >/dev/null
    node=--node
else
    node=
fi
if [ "$mode" = stop ]; then
    stop
    exit
fi
if [ -e "$state" ]; then
    echo "A demo is running already, or one was cut off: \`make demo-stop\` ends it." >&2
    exit 1
fi
if [ -n "$node" ]; then
    # For an image, which has no libc.
    cargo rustc --quiet --bin dps -- -Ctarget-feature=+crt-static -Cstrip=symbols
else
    cargo build --quiet
fi
trap 'code=$?; [ $code = 0 ] && [ "$mode" = keep ] || stop; exit $code' EXIT
trap 'exit 130' INT TERM

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}
kubectl() {
    "$bin/kubectl" --kubeconfig "$state/kubeconfig" "$@"
}
show() {
    printf '$ kubectl %s\n' "$*"
    kubectl "$@"
}
# Waits for something that the operator does, at most 30 s.
until_reason() {
    kubectl wait "dps/$1" -n demo --for="jsonpath={.status.conditions[?(@.type==\"Ready\")].reason}=$2" --timeout=30s >/dev/null
}
message() {
    kubectl get dps "$1" -n demo -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}'
    echo
}
# Waits, at most 30 s, until a Secret holds what `dps render` makes of the resource and its credentials.
until_rendered() {
    wanted=$(kubectl get "secret/$1-login" "dps/$1" -n demo -o json | target/debug/dps render -f - -o json |
        sed -n 's/.*"\.dockerconfigjson": "\(.*\)".*/\1/p')
    deadline=$(($(date +%s) + 30))
    until [ "$(kubectl get secret "$1" -n demo -o jsonpath='{.data.\.dockerconfigjson}')" = "$wanted" ]; do
        [ "$(date +%s)" -lt "$deadline" ] || { echo "$1 never got the new password." >&2; exit 1; }
        sleep 0.2
    done
}
masked() {
    kubectl get secret "$1" -n demo -o jsonpath='{.data.\.dockerconfigjson}' | base64 -d |
        sed -e 's/"password":"[^"]*"/"password":"****"/g' -e 's/"auth":"[^"]*"/"auth":"****"/g'
    echo
}

say "1. A real control plane${node:+, a node} and a registry, on loopback"
"$bin/world" up --detach --registry $node --state "$state" >"$state.json" || { rm -f "$state.json"; exit 1; }
mv "$state.json" "$state/info"
field() {
    sed -n "s/.*\"registry\":{[^}]*\"$1\":\"\([^\"]*\)\".*/\1/p" "$state/info"
}
# Of the registries that the node knows by name.
beside() {
    sed -n "s/.*\"registries\":{[^}]*\"$1\":\"\([^\"]*\)\".*/\1/p" "$state/info"
}
# "address", "username" or "password" of the registry that the operator verifies at.
registry() {
    case ${node:-none}/$1 in
    none/*) field "$1" ;;
    */address) beside basic ;;
    *) beside "$1" ;;
    esac
}
show version

# The samples' credentials are made up: they must not be sent to the real Docker Hub. Only registries of this demo get any.
as_pods() {
    open=$(beside anonymous)
    push=127.0.0.1:${open##*:}/demo/dps:demo
    printf '$ hack/image.sh --push %s\n' "$push"
    SSL_CERT_FILE="$state/pki/ca.crt" hack/image.sh --binary target/debug/dps --out "$state/image" --push "$push"
    kubectl apply -f deploy/namespace.yaml >/dev/null
    kubectl create configmap ca -n "$operator" --from-file="$state/pki/ca.crt" >/dev/null
    cat >"$state/values.yaml" <<END
image: {registry: "$open", repository: demo/dps, tag: demo}
admission: {attachPods: true}
rbac: {attachServiceAccounts: true}
verification: {denyCidrs: [0.0.0.0/0, "::/0"], allowRegistries: ["$(registry address)"]}
extraVolumes: [{name: ca, configMap: {name: ca}}]
extraVolumeMounts: [{name: ca, mountPath: /ca, readOnly: true}]
extraEnv: [{name: SSL_CERT_FILE, value: /ca/ca.crt}]
END
    printf '$ helm install %s charts/%s -f values.yaml --wait\n' "$operator" "$operator"
    HOME=$state KUBECONFIG=$state/kubeconfig "$bin/helm" install "$operator" "charts/$operator" -n "$operator" \
        -f "$state/values.yaml" --wait --timeout 60s >/dev/null
    show get deployments,pods,leases -n "$operator"
    printf '\n$ helm test %s --logs        # runs dps doctor in a pod\n' "$operator"
    checked=$(HOME=$state KUBECONFIG=$state/kubeconfig "$bin/helm" test "$operator" -n "$operator" --logs --timeout 120s)
    echo "$checked" | sed -n '/^POD LOGS/,$p'
}
as_process() {
    echo "No node can run here, so the operator runs beside the control plane: $why"
    show apply --server-side -k deploy
    kubectl wait --for=condition=Established crd/dockerpullsecrets.pullsecrets.dev \
        crd/clusterdockerpullsecrets.pullsecrets.dev >/dev/null
    token=$(kubectl create token "$operator" -n "$operator" --duration=24h)
    cat >"$state/operator.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: world, cluster: {server: "$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}')", certificate-authority: "$state/pki/ca.crt"}}]
users: [{name: operator, user: {token: "$token"}}]
contexts: [{name: world, context: {cluster: world, user: operator}}]
current-context: world
END
    KUBECONFIG="$state/operator.kubeconfig" SSL_CERT_FILE="$state/pki/ca.crt" nohup target/debug/dps controller \
        --cluster-resources --credentials-namespace "$operator" \
        --health-address 127.0.0.1:0 --deny-cidr 0.0.0.0/0,::/0 --allow-registry "$(registry address)" >"$state/operator.log" 2>&1 &
    echo $! >"$state/operator.pid"
    echo "dps controller runs as its own ServiceAccount with the chart's rights; its log is in .world/operator.log"
}

if [ -n "$node" ]; then
    say "2. The operator's image, built and pushed without a container engine; the chart, and two pods: a leader and a standby"
    as_pods
else
    say "2. The CRD, the operator's rights (deploy/, made from the Helm chart) and the operator"
    as_process
fi

say "3. A login becomes a pull secret: dps create logs in before it writes anything"
kubectl create namespace demo >/dev/null
# On a terminal, it asks for all of this.
create() {
    set -- create login -n demo --registry-url "$(registry address)" --username "$(registry username)" --password-stdin --wait
    printf '$ dps %s\n' "$*"
    set -- target/debug/dps "$@" --login-secret real-login --ca-file "$state/pki/ca.crt"
    if [ -n "$node" ]; then
        # The names of the registries are the node's, not this machine's.
        hosts=$(sed -n 's/.*"hostsFile":"\([^"]*\)".*/\1/p' "$state/info")
        # shellcheck disable=SC2016
        set -- unshare --mount sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$hosts" "$@"
    fi
    KUBECONFIG="$state/kubeconfig" "$@" 2>&1
}
if echo wrong | create; then
    echo "This should have been refused." >&2
    exit 1
fi
echo "... with the right password:"
registry password | create

echo
echo "Credentials in every other form work too, as YAML:"
show apply -n demo -f deploy/samples
for name in docker-hub team-registry ghcr quay legacy harbor; do until_reason "$name" Ready; done
show get dps -n demo
echo "The Secret that kubelets read (password masked here):"
masked team-registry

say "4. A spec that cannot work is rejected at once, with a sentence that says what to do"
printf '$ kubectl apply: registryUrl: docker.io\n'
if kubectl apply -n demo -f - <<'END'
apiVersion: pullsecrets.dev/v1alpha1
kind: DockerPullSecret
metadata: {name: refused}
spec: {type: PrivateRegistry, registryUrl: docker.io, credentialsRef: {name: docker-hub-login}}
END
then
    echo "This should have been refused." >&2
    exit 1
fi

say "5. A missing key is named in the status, and fixing it heals"
kubectl create secret generic wrong-key -n demo --from-literal=username=acme --from-literal=pasword=oops >/dev/null
kubectl apply -n demo -f - >/dev/null <<'END'
apiVersion: pullsecrets.dev/v1alpha1
kind: DockerPullSecret
metadata: {name: app-registry}
spec: {type: PrivateRegistry, registryUrl: registry.example.net, credentialsRef: {name: wrong-key}}
END
until_reason app-registry KeyMissing
show get dps app-registry -n demo
message app-registry
echo "... the key is put right:"
kubectl create secret generic wrong-key -n demo --from-literal=username=acme --from-literal=password=fixed \
    --dry-run=client -o yaml | kubectl apply -n demo -f - >/dev/null 2>&1
until_reason app-registry Ready
show get dps app-registry -n demo

say "6. A new password reaches the same Secret; a deleted Secret comes back"
printf '$ kubectl patch secret team-registry-login: a new password\n'
kubectl patch secret team-registry-login -n demo --type=merge -p '{"stringData":{"password":"a-new-password"}}' >/dev/null
until_rendered team-registry
masked team-registry | sed 's/^/The same Secret now holds the new password: /'
show delete secret team-registry -n demo
kubectl wait secret/team-registry -n demo --for=create --timeout=30s >/dev/null
show get secret team-registry -n demo

say "7. A Secret that somebody else created is left alone"
kubectl create secret generic precious -n demo --from-literal=other=thing >/dev/null
kubectl apply -n demo -f - >/dev/null <<'END'
apiVersion: pullsecrets.dev/v1alpha1
kind: DockerPullSecret
metadata: {name: precious}
spec: {type: PrivateRegistry, registryUrl: registry.example.net, credentialsRef: {name: wrong-key}}
END
until_reason precious NameConflict
message precious
show get secret precious -n demo

say "8. Credentials are verified at the registry before a pod needs them"
accepted() {
    kubectl get dps login -n demo -o jsonpath='{.status.conditions[?(@.type=="CredentialsAccepted")].message}'
    echo
}
set_password() {
    kubectl create secret generic real-login -n demo --from-literal=username="$(registry username)" --from-literal=password="$1" \
        --dry-run=client -o yaml | kubectl apply -n demo -f - >/dev/null 2>&1
}
kubectl wait dps/login -n demo --for=condition=CredentialsAccepted --timeout=30s >/dev/null
show get dps login -n demo
accepted
before=$(kubectl get secret login -n demo -o jsonpath='{.metadata.resourceVersion}')
echo "... somebody changes the password to a wrong one:"
set_password wrong
until_reason login HeldBack
show get dps login -n demo
message login
accepted
[ "$(kubectl get secret login -n demo -o jsonpath='{.metadata.resourceVersion}')" = "$before" ]
echo "The Secret that works was not touched. The right password heals it:"
set_password "$(registry password)"
until_reason login Ready
show get dps login -n demo
echo "The same from a terminal, nothing stored:"
printf '$ dps verify --registry %s --username %s --password-stdin\n' "$(field address)" "$(field username)"
if echo wrong | target/debug/dps verify --registry "$(field address)" --username "$(field username)" --password-stdin --ca-file "$state/pki/ca.crt"; then
    echo "This should have been rejected." >&2
    exit 1
fi

say "9. The same decisions without a cluster: dps render"
printf '$ dps render -f deploy/samples/docker-hub.yaml\n'
target/debug/dps render -f deploy/samples/docker-hub.yaml | sed 's/\(\.dockerconfigjson: .\{16\}\).*/\1.../'

say "10. A pod cannot pull: why, whose fault it is, and what to do"
if [ -z "$node" ]; then
    echo "No node can run here: $why"
else
    image=$(beside basic)/team/app:1.0
    healthy() {
        kubectl wait dps/pull -n demo --for="jsonpath={.status.conditions[?(@.type==\"PullsHealthy\")].$1}=$2" --timeout=120s >/dev/null
    }
    kubectl create secret generic pull-login -n demo --from-literal=username="$(beside username)" --from-literal=password=outdated >/dev/null
    kubectl apply -n demo -f - >/dev/null <<END
apiVersion: pullsecrets.dev/v1alpha1
kind: DockerPullSecret
metadata: {name: pull}
spec: {type: PrivateRegistry, registryUrl: "$(beside basic)", credentialsRef: {name: pull-login}}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  imagePullSecrets: [{name: pull}]
  containers: [{name: app, image: "$image"}]
END
    healthy reason CredentialsRejected
    show get pod web -n demo
    show get dps pull -n demo
    kubectl get dps pull -n demo -o jsonpath='{.status.conditions[?(@.type=="PullsHealthy")].message}'
    printf '\n\n$ dps explain pod web -n demo\n'
    if KUBECONFIG="$state/kubeconfig" target/debug/dps explain pod web -n demo; then
        echo "This pod should fail." >&2
        exit 1
    fi
    echo "... the password is put right, as told; the node tries again by itself:"
    kubectl create secret generic pull-login -n demo --from-literal=username="$(beside username)" --from-literal=password="$(beside password)" \
        --dry-run=client -o yaml | kubectl apply -n demo -f - >/dev/null 2>&1
    kubectl wait pod/web -n demo --for=condition=Ready --timeout=180s >/dev/null
    healthy status True
    show get pod web -n demo
    show get dps pull -n demo

    say "11. Pods that name no Secret get it when they are created"
    show patch dps pull -n demo --type=merge -p '{"spec":{"attachTo":{"pods":"MatchingImages","serviceAccounts":["build-*"]}}}'
    kubectl wait dps/pull -n demo --for="jsonpath={.status.imagePattern}" --timeout=30s >/dev/null
    kubectl get dps pull -n demo -o jsonpath='status.imagePattern: {.status.imagePattern}'
    printf '\n$ kubectl run plain --image=%s\n' "$image"
    kubectl run plain -n demo --image="$image" --image-pull-policy=Always >/dev/null
    show get pod plain -n demo -o 'jsonpath={.spec.imagePullSecrets}{"\n"}'
    kubectl wait pod/plain -n demo --for=condition=Ready --timeout=120s >/dev/null
    show get pod plain -n demo
    show create serviceaccount build-images -n demo
    kubectl wait serviceaccount/build-images -n demo --for="jsonpath={.imagePullSecrets[0].name}=pull" --timeout=30s >/dev/null
    show get serviceaccount build-images -n demo -o 'jsonpath={.imagePullSecrets}{"\n"}'
fi

if [ -n "$node" ]; then step=12; else step=11; fi
say "$step. One login for many namespaces"
kubectl create secret generic company-login -n "$operator" --from-literal=username=demo --from-literal=password=made-up >/dev/null
for team in team-a team-b; do
    kubectl create namespace "$team" >/dev/null
    kubectl label namespace "$team" pulls=company >/dev/null
done
printf '$ kubectl apply: ClusterDockerPullSecret company, for namespaces with the label pulls=company\n'
kubectl apply -f - <<END
apiVersion: pullsecrets.dev/v1alpha1
kind: ClusterDockerPullSecret
metadata: {name: company}
spec:
  type: PrivateRegistry
  registryUrl: registry.example.com
  credentialsRef: {namespace: $operator, name: company-login}
  namespaceSelector: {matchLabels: {pulls: company}}
  verification: {mode: Disabled}
END
kubectl wait cdps/company --for=condition=Ready --timeout=30s >/dev/null
show get cdps
show get secrets -A --field-selector metadata.name=company
show label namespace team-b pulls-
kubectl wait secret/company -n team-b --for=delete --timeout=30s >/dev/null
kubectl create namespace team-c >/dev/null
show label namespace team-c pulls=company
kubectl wait secret/company -n team-c --for=create --timeout=30s >/dev/null
show get secrets -A --field-selector metadata.name=company

if [ "$mode" = keep ]; then
    say "Everything keeps running."
    echo "  export KUBECONFIG=$state/kubeconfig PATH=$bin:\$PATH"
    echo "  kubectl get dps -n demo"
    echo "  $repo/target/debug/dps ui -n demo     # the page, in your browser"
    echo "  make demo-stop"
else
    say "Done: everything is stopped and removed again."
fi
