package main

import (
	"context"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// nodeInfo is what the user of a world needs to know about its node.
type nodeInfo struct {
	Name string `json:"name"`
	// HostsFile and ResolvFile are what the node has as /etc/hosts and /etc/resolv.conf. A program that is to reach the
	// registries too needs them there, in a mount namespace of its own.
	HostsFile  string `json:"hostsFile"`
	ResolvFile string `json:"resolvFile"`
}

// The node calls itself localhost, so that the API server finds its kubelet without DNS.
const nodeName = "localhost"

const sandboxRepository = "world/pause"

// kernelSettings are those that a kubelet and the bridge plugin insist on. The node sees them as set and writes to files.
var kernelSettings = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000", "net/ipv4/ip_forward": "1",
}

func nodeDir(state string) string { return filepath.Join(state, "node") }

// prepareNode takes what must be known before the control plane starts.
func (w *world) prepareNode() error {
	if err := nodeObstacle(w.StateDir, w.BinDir); err != nil {
		return fmt.Errorf("no node can run here: %w", err)
	}
	var err error
	if w.slot, w.slotLock, err = takeSlot(); err != nil {
		return err
	}
	if err := errors.Join(serveNames(w.slot.resolver(), nil), serveNames(w.slot.gateway(), podNames(w.slot))); err != nil {
		return err
	}
	dir := nodeDir(w.StateDir)
	w.Node = &nodeInfo{Name: nodeName, HostsFile: filepath.Join(dir, "hosts"), ResolvFile: filepath.Join(dir, "resolv.conf")}
	return writeNodeFiles(w.StateDir, w.slot)
}

// openGateway lets pods reach the API server, as the Service "kubernetes", and the registries.
func (w *world) openGateway() error {
	err := w.slot.openToPods("443", strings.TrimPrefix(w.Server, "https://"))
	r := w.Registries
	for _, address := range []string{r.Basic, r.Bearer, r.Anonymous, r.Plain, r.Token, r.Untrusted, r.Failing, r.Gone} {
		_, port, split := net.SplitHostPort(address)
		err = errors.Join(err, split, w.slot.openToPods(port, net.JoinHostPort("127.0.0.1", port)))
	}
	return err
}

// writeNodeFiles writes what enter puts over the machine's own files.
func writeNodeFiles(state string, s slot) error {
	files := map[string]string{"hosts": hostsFile(), "resolv.conf": "nameserver " + s.resolver() + "\n"}
	for name, value := range kernelSettings {
		files[filepath.Join("sys", name)] = value + "\n"
	}
	for name, text := range files {
		path := filepath.Join(nodeDir(state), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// startNode returns when the node takes pods.
func (w *world) startNode(ctx context.Context) error {
	user := pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}}
	scheduler, kubelet := filepath.Join(w.StateDir, "scheduler.kubeconfig"), filepath.Join(nodeDir(w.StateDir), "kubelet.kubeconfig")
	if err := errors.Join(
		w.ca.issue("kubelet", user), w.ca.issue("scheduler", pkix.Name{CommonName: "system:kube-scheduler"}),
		w.writeKubeconfig(kubelet, "kubelet"), w.writeKubeconfig(scheduler, "scheduler"), w.configureNode(),
	); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	schedules := w.process("kube-scheduler", "--kubeconfig="+scheduler, "--authentication-kubeconfig="+scheduler,
		"--authorization-kubeconfig="+scheduler, "--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(port),
		"--tls-cert-file="+w.pem("server.crt"), "--tls-private-key-file="+w.pem("server.key"), "--leader-elect=false")
	keeper := w.process("world", "node-keeper", "--state", w.StateDir, "--slot", strconv.Itoa(int(w.slot)))
	keeper.name = "the node"
	keeper.log, keeper.lifeline, keeper.files = filepath.Join(w.StateDir, "node.log"), true, []*os.File{w.slotLock}
	if err := errors.Join(schedules.start(), keeper.start()); err != nil {
		return err
	}
	admin, err := client(w.pki, "ca", "admin")
	if err != nil {
		return err
	}
	if err := schedules.await(ctx, admin, fmt.Sprintf("https://127.0.0.1:%d/healthz", port)); err != nil {
		return err
	}
	if err := keeper.awaitAnswer(ctx, admin, w.Server+"/api/v1/nodes/"+nodeName, ready); err != nil {
		return fmt.Errorf("%w\nkubelet:\n%s", err, tail(filepath.Join(w.StateDir, "kubelet.log")))
	}
	return keeper.await(ctx, admin, w.Server+"/api/v1/namespaces/default/serviceaccounts/default")
}

// ready looks at the taints too, which the controller manager takes away a little after the node is ready.
func ready(body []byte) error {
	var node struct {
		Spec   struct{ Taints []struct{ Key string } }
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return err
	}
	if len(node.Spec.Taints) > 0 {
		return fmt.Errorf("the node is tainted: %v", node.Spec.Taints)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		}
	}
	return fmt.Errorf("the node is not ready: %v", node.Status.Conditions)
}

func (w *world) configureNode() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	dir := nodeDir(w.StateDir)
	certificates := filepath.Join(dir, "certs.d")
	values := strings.NewReplacer("@PORT@", strconv.Itoa(port), "@CA@", w.CAFile, "@CRT@", w.pem("kubelet.crt"), "@KEY@", w.pem("kubelet.key"),
		"@RESOLV@", w.Node.ResolvFile, "@SANDBOX@", w.Registries.Anonymous+"/"+sandboxRepository+":1.0",
		"@CERTS@", certificates, "@BIN@", w.BinDir, "@CNI@", filepath.Join(dir, "cni"),
		"@BRIDGE@", w.slot.bridge(), "@SUBNET@", w.slot.podCIDR(), "@FIRST@", w.slot.firstPod(), "@GATEWAY@", w.slot.gateway())
	w.once["trust untrusted"] = func() error {
		address := w.Registries.Untrusted
		text := fmt.Sprintf("server = \"https://%s\"\nca = %q\n", address, w.Registries.UntrustedCAFile)
		folder := filepath.Join(certificates, address)
		return errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(text), 0o644))
	}
	mirrored := filepath.Join(certificates, w.Registries.Mirrored)
	mirror := fmt.Sprintf("server = \"https://%s\"\n", w.Registries.Failing)
	err = errors.Join(os.MkdirAll(mirrored, 0o755), os.MkdirAll(filepath.Join(dir, "cni"), 0o755),
		os.WriteFile(filepath.Join(mirrored, "hosts.toml"), []byte(mirror), 0o644),
		os.WriteFile(filepath.Join(dir, "proxy"), []byte(w.proxy), 0o644))
	for name, text := range map[string]string{
		"kubelet.yaml": kubeletConfig, "containerd.toml": containerdConfig, "cni/world.conflist": networkConfig,
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(values.Replace(text)), 0o600))
	}
	return err
}

// The kubelet's defaults that are not good here: it writes outside the folders that are the node's own, it insists on
// what a machine for development does not have, it slows tests down.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: @PORT@
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "@CA@"}}
authorization: {mode: Webhook}
tlsCertFile: "@CRT@"
tlsPrivateKeyFile: "@KEY@"
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
volumePluginDir: /var/lib/kubelet/volumeplugins
resolvConf: "@RESOLV@"
clusterDomain: cluster.local
clusterDNS: ["@GATEWAY@"]
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
registryPullQPS: 0
maxPods: 250
serializeImagePulls: false
nodeStatusUpdateFrequency: 5s
# A full disk of the machine is no reason to evict a test's pod.
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
`

// Without CAP_SYS_RESOURCE runc cannot lower oom_score_adj and dies with "can't get final child's PID from pipe: EOF";
// restrict_oom_score_adj keeps it from trying.
const containerdConfig = `version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
[grpc]
  address = '/run/containerd/containerd.sock'
[plugins.'io.containerd.internal.v1.opt']
  path = '/var/lib/containerd/opt'
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '@SANDBOX@'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '@CERTS@'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['@BIN@']
    conf_dir = '@CNI@'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = '@BIN@/runc'
      SystemdCgroup = false
`

// Pods reach each other and, at the gateway, the API server, the registries and their names. The rest of the machine is
// there for those with hostNetwork only.
const networkConfig = `{"cniVersion": "1.0.0", "name": "world", "plugins": [{"type": "bridge", "bridge": "@BRIDGE@", "isGateway": true,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "@SUBNET@", "rangeStart": "@FIRST@"}]]}}]}
`
