package main

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/crypto/bcrypt"

	"pullsecrets.dev/testenv/internal/ca"
)

// info is what the user of a world needs to know.
type info struct {
	Kubeconfig string    `json:"kubeconfig"`
	Server     string    `json:"server"`
	CAFile     string    `json:"caFile"`
	AuditLog   string    `json:"auditLog"`
	StateDir   string    `json:"stateDir"`
	BinDir     string    `json:"binDir"`
	PID        int       `json:"pid"`
	Registry   *registry `json:"registry,omitempty"`
	// These two come together.
	Node       *nodeInfo   `json:"node,omitempty"`
	Registries *registries `json:"registries,omitempty"`
}

// registry speaks TLS by the world's CA and wants this login.
type registry struct {
	Address  string `json:"address"`
	Username string `json:"username"`
	Password string `json:"password"`
}

type world struct {
	info
	pki       string
	ca        *authority
	processes []*process
	apiserver *process
	etcd      *process
	etcdURL   string
	// once has what can be done to the world one time.
	once     map[string]func() error
	slot     slot
	slotLock *os.File
	// proxy is the URL of serveProxy.
	proxy string
}

const startTimeout = 90 * time.Second

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
# Shows whether a list holds Secrets or only their metadata.
- level: RequestResponse
  verbs: [list]
  users: ["system:serviceaccount:docker-pull-secret-operator:docker-pull-secret-operator"]
  resources: [{group: "", resources: [secrets]}]
- level: Metadata
`

func (w *world) start(withRegistry, withNode bool) error {
	if withNode {
		if err := w.prepareNode(); err != nil {
			return err
		}
	}
	if err := w.certificates(); err != nil {
		return err
	}
	ports := make([]int, 5)
	for i := range ports {
		port, err := freePort()
		if err != nil {
			return err
		}
		ports[i] = port
	}
	w.Server = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	w.CAFile = filepath.Join(w.pki, "ca.crt")
	w.AuditLog = filepath.Join(w.StateDir, "audit.log")
	w.Kubeconfig = filepath.Join(w.StateDir, "kubeconfig")
	manager := filepath.Join(w.StateDir, "controller-manager.kubeconfig")
	policy := filepath.Join(w.StateDir, "audit-policy.yaml")
	if err := errors.Join(
		os.WriteFile(policy, []byte(auditPolicy), 0o600),
		w.writeKubeconfig(w.Kubeconfig, "admin"), w.writeKubeconfig(manager, "controller-manager"),
	); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	admin, err := client(w.pki, "ca", "admin")
	if err != nil {
		return err
	}

	etcdURL, peerURL := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	w.etcdURL = etcdURL
	w.etcd = w.process("etcd", "--data-dir="+filepath.Join(w.StateDir, "etcd"), "--listen-client-urls="+etcdURL,
		"--advertise-client-urls="+etcdURL, "--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL,
		"--initial-cluster=default="+peerURL, "--unsafe-no-fsync", "--log-level=warn")
	w.apiserver = w.process("kube-apiserver", w.apiserverArgs(etcdURL, ports[2], policy)...)
	controllers := w.process("kube-controller-manager", "--kubeconfig="+manager, "--authentication-kubeconfig="+manager,
		"--authorization-kubeconfig="+manager, "--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(ports[3]),
		"--tls-cert-file="+w.pem("server.crt"), "--tls-private-key-file="+w.pem("server.key"), "--leader-elect=false",
		"--service-account-private-key-file="+w.pem("sa.key"), "--root-ca-file="+w.CAFile,
		"--use-service-account-credentials=true", "--concurrent-gc-syncs=20",
		// It makes this folder, by default in /usr.
		"--flex-volume-plugin-dir="+filepath.Join(w.StateDir, "volume-plugins"))
	if withNode {
		controllers.args = append(controllers.args, "--allocate-node-cidrs=true", "--cluster-cidr="+w.slot.clusterCIDR())
	}

	if err := w.startEtcd(); err != nil {
		return err
	}
	if err := w.startAPIServer(ctx); err != nil {
		return err
	}
	if err := controllers.start(); err != nil {
		return err
	}
	if err := controllers.await(ctx, admin, fmt.Sprintf("https://127.0.0.1:%d/healthz", ports[3])); err != nil {
		return err
	}
	if withRegistry {
		if err := w.startRegistry(ctx, ports[4]); err != nil {
			return err
		}
	}
	if withNode {
		if w.Registries, err = w.startRegistries(); err != nil {
			return err
		}
		if err := w.openGateway(); err != nil {
			return err
		}
		return w.startNode(ctx)
	}
	return nil
}

func (w *world) startEtcd() error {
	if w.etcd.cmd != nil {
		return errors.New("etcd is running")
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := w.etcd.start(); err != nil {
		return err
	}
	return w.etcd.await(ctx, http.DefaultClient, w.etcdURL+"/readyz")
}

func (w *world) startAPIServer(ctx context.Context) error {
	if w.apiserver.cmd != nil {
		return errors.New("kube-apiserver is running")
	}
	admin, err := client(w.pki, "ca", "admin")
	if err != nil {
		return err
	}
	if err := w.apiserver.start(); err != nil {
		return err
	}
	return w.apiserver.await(ctx, admin, w.Server+"/readyz")
}

func (w *world) process(name string, args ...string) *process {
	p := &process{name: name, path: filepath.Join(w.BinDir, name), args: args, log: filepath.Join(w.StateDir, name+".log")}
	w.processes = append(w.processes, p)
	return p
}

func (w *world) stop() {
	for i := len(w.processes) - 1; i >= 0; i-- {
		w.processes[i].stop()
	}
}

func (w *world) pem(name string) string { return filepath.Join(w.pki, name) }

// authority makes the world's CA, and the certificates of the registries.
func (w *world) authority() error {
	w.pki = filepath.Join(w.StateDir, "pki")
	err := os.MkdirAll(w.pki, 0o700)
	if err != nil {
		return err
	}
	if w.ca, err = newAuthority(w.pki, "ca"); err != nil {
		return err
	}
	return errors.Join(w.ca.issue("registry", pkix.Name{CommonName: "registry"}), w.ca.issue("token", pkix.Name{CommonName: "token"}))
}

func (w *world) certificates() error {
	if err := w.authority(); err != nil {
		return err
	}
	front, err := newAuthority(w.pki, "front-proxy-ca")
	if err != nil {
		return err
	}
	return errors.Join(
		ca.WriteNewKey(w.pem("sa.key")),
		w.ca.issue("server", pkix.Name{CommonName: "kube-apiserver"}),
		w.ca.issue("kubelet-client", pkix.Name{CommonName: "kube-apiserver", Organization: []string{"system:masters"}}),
		w.ca.issue("admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}),
		w.ca.issue("controller-manager", pkix.Name{CommonName: "system:kube-controller-manager"}),
		front.issue("front-proxy", pkix.Name{CommonName: "front-proxy-client"}),
	)
}

func (w *world) apiserverArgs(etcd string, port int, policy string) []string {
	return []string{
		"--etcd-servers=" + etcd, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port), "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + w.serviceCIDR(), "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--client-ca-file=" + w.CAFile,
		"--tls-cert-file=" + w.pem("server.crt"), "--tls-private-key-file=" + w.pem("server.key"),
		"--service-account-key-file=" + w.pem("sa.key"), "--service-account-signing-key-file=" + w.pem("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--requestheader-client-ca-file=" + w.pem("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + w.pem("front-proxy.crt"), "--proxy-client-key-file=" + w.pem("front-proxy.key"),
		"--kubelet-client-certificate=" + w.pem("kubelet-client.crt"), "--kubelet-client-key=" + w.pem("kubelet-client.key"),
		"--kubelet-certificate-authority=" + w.CAFile, "--kubelet-preferred-address-types=Hostname,InternalIP",
		"--allow-privileged=true", "--audit-policy-file=" + policy, "--audit-log-path=" + w.AuditLog,
		// Tests measure the operator, not the fairness of the API server.
		"--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000",
	}
}

func (w *world) serviceCIDR() string {
	if w.Node == nil {
		return "10.96.0.0/16"
	}
	return w.slot.serviceCIDR()
}

func (w *world) writeKubeconfig(path, name string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: world, cluster: {server: "%s", certificate-authority: "%s"}}]
users: [{name: %s, user: {client-certificate: "%s", client-key: "%s"}}]
contexts: [{name: world, context: {cluster: world, user: %s}}]
current-context: world
`, w.Server, w.CAFile, name, w.pem(name+".crt"), w.pem(name+".key"), name)
	return os.WriteFile(path, []byte(text), 0o600)
}

func (w *world) startRegistry(ctx context.Context, port int) error {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	r := &registry{Address: fmt.Sprintf("localhost:%d", port), Username: "robot", Password: hex.EncodeToString(secret)}
	hash, err := bcrypt.GenerateFromPassword([]byte(r.Password), bcrypt.MinCost)
	if err != nil {
		return err
	}
	users, config := filepath.Join(w.StateDir, "htpasswd"), filepath.Join(w.StateDir, "registry.yaml")
	text := fmt.Sprintf(`version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: "%s"}}
http: {addr: "127.0.0.1:%d", tls: {certificate: "%s", key: "%s"}}
auth: {htpasswd: {realm: world, path: "%s"}}
`, filepath.Join(w.StateDir, "images"), port, w.pem("registry.crt"), w.pem("registry.key"), users)
	if err := errors.Join(
		os.WriteFile(users, []byte(r.Username+":"+string(hash)+"\n"), 0o600), os.WriteFile(config, []byte(text), 0o600),
	); err != nil {
		return err
	}
	p := w.process("registry", "serve", config)
	p.env = []string{"OTEL_TRACES_EXPORTER=none"}
	if err := p.start(); err != nil {
		return err
	}
	plain, err := client(w.pki, "ca", "registry")
	if err != nil {
		return err
	}
	w.Registry = r
	// The one address that needs no login.
	return p.await(ctx, plain, "https://"+r.Address+"/")
}
