package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// privateFolders are the node's own, in memory: they are gone with it.
var privateFolders = []string{"/run", "/var/lib", "/var/log"}

// enter makes the machine look as the node needs it, in the mount namespace of this process alone.
func enter(state string) error {
	groups, err := controlGroups()
	if err != nil {
		return err
	}
	// A link into /run has to be followed while the machine's is there.
	files := map[string]string{}
	for _, name := range []string{"hosts", "resolv.conf"} {
		if files[name], err = filepath.EvalSymlinks("/etc/" + name); err != nil {
			return err
		}
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, folder := range append([]string{"/sys/fs/cgroup"}, privateFolders...) {
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", folder, err)
		}
	}
	for _, group := range groups {
		if err := group.mount(); err != nil {
			return err
		}
	}
	for name, target := range files {
		if err := cover(filepath.Join(nodeDir(state), name), target); err != nil {
			return err
		}
	}
	for name := range kernelSettings {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := cover(filepath.Join(nodeDir(state), "sys", name), target); err != nil {
			return err
		}
	}
	return nil
}

// cover puts one file over another. The other is made when it is in a folder of the node's own.
func cover(file, target string) error {
	if _, err := os.Stat(target); err != nil {
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.WriteFile(target, nil, 0o644)); err != nil {
			return err
		}
	}
	if err := syscall.Mount(file, target, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over %s: %w", target, err)
	}
	return nil
}

// tryInside is the first process of the namespaces of checkNode.
func tryInside(state string) error {
	if err := enter(state); err != nil {
		return err
	}
	var folders []string
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		folder := filepath.Join("/var/lib", name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		folders = append(folders, folder)
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", folders[0], folders[1], folders[2])
	if err := syscall.Mount("overlay", folders[3], "overlay", 0, options); err != nil {
		return fmt.Errorf("containers need overlayfs: %w", err)
	}
	return nil
}

// runNode is the first process of a node's namespaces: it runs containerd and a kubelet until one of them ends.
func runNode(state string, s slot) error {
	if err := enter(state); err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	bin, dir := filepath.Dir(executable), nodeDir(state)
	// The rest of the caller's environment is left out: a proxy, for example, would change what a pull says.
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=/run", "TMPDIR=/run"}
	// The world's CA is the only one: the node must not depend on what the machine trusts.
	trust := []string{"SSL_CERT_FILE=" + filepath.Join(state, "pki", "ca.crt"), "SSL_CERT_DIR=/run/no-certificates"}
	proxy, err := os.ReadFile(filepath.Join(dir, "proxy"))
	if err != nil {
		return err
	}
	trust = append(trust, "HTTPS_PROXY="+string(proxy), "NO_PROXY=localhost,"+domain)
	names := map[int]string{}
	containerd, err := launch(state, append(env, trust...), filepath.Join(bin, "containerd"), "--config", filepath.Join(dir, "containerd.toml"))
	if err != nil {
		return err
	}
	names[containerd] = "containerd"
	if err := awaitSocket("/run/containerd/containerd.sock"); err != nil {
		return fmt.Errorf("containerd is not ready (%w):\n%s", err, tail(filepath.Join(state, "containerd.log")))
	}
	kubelet, err := launch(state, env, filepath.Join(bin, "kubelet"), "--config", filepath.Join(dir, "kubelet.yaml"),
		"--kubeconfig", filepath.Join(dir, "kubelet.kubeconfig"), "--hostname-override", nodeName)
	if err != nil {
		return err
	}
	names[kubelet] = "kubelet"
	// The first process of a namespace also gets the orphans, among them the shims of the containers.
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if name := names[pid]; name != "" {
			return fmt.Errorf("%s ended (exit code %d, signal %d):\n%s", name, status.ExitStatus(), status.Signal(), tail(filepath.Join(state, name+".log")))
		}
	}
}

// launch is not exec.Cmd's Start, since the children are waited for all together.
func launch(state string, env []string, program string, args ...string) (int, error) {
	log, err := os.OpenFile(filepath.Join(state, filepath.Base(program)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	process, err := os.StartProcess(program, append([]string{program}, args...), &os.ProcAttr{
		Dir: "/", Env: env, Files: []*os.File{null, log, log},
	})
	if err != nil {
		return 0, err
	}
	return process.Pid, nil
}

func awaitSocket(path string) error {
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var connection net.Conn
		if connection, err = net.Dial("unix", path); err == nil {
			return connection.Close()
		}
	}
	return err
}
