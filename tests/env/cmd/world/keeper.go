package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

// keep runs a node until standard input ends, which it does too when the world is killed, and then takes away what the
// node leaves on the machine. Everything else of a node is in namespaces, which end with its first process.
func keep(state string, s slot) error {
	// The slot is taken until this process ends, and not longer.
	syscall.CloseOnExec(3)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	alone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(alone)
	}()
	node, err := startInside(state, s, "node-init")
	if err == nil {
		ended := make(chan error, 1)
		go func() { ended <- node.Wait() }()
		select {
		case <-alone:
		case <-signals:
		case err = <-ended:
			err = fmt.Errorf("the node ended: %w", err)
		}
		_ = node.Process.Kill()
	}
	return errors.Join(err, sweep(s))
}

// startInside starts this program with a command in namespaces and control groups of its own; it must be called on the
// locked main thread, see process.start.
func startInside(state string, s slot, command string) (*exec.Cmd, error) {
	// Left by a keeper that was killed.
	if err := sweep(s); err != nil {
		return nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(executable, command, "--state", state, "--slot", strconv.Itoa(int(s)))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL, Setsid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWCGROUP,
	}
	groups, err := controlGroups()
	if err != nil {
		return nil, err
	}
	// The control groups of this process become the root of what the child sees.
	for _, group := range groups {
		if err := group.create(s); err != nil {
			return nil, err
		}
		if err := group.join(s.group()); err != nil {
			return nil, err
		}
	}
	if err = cmd.Start(); err != nil {
		err = fmt.Errorf("no namespaces can be made: %w", err)
	}
	for _, group := range groups {
		err = errors.Join(err, group.leave())
	}
	return cmd, err
}

// sweep removes a node's bridge with the interfaces in it, and its control groups.
func sweep(s slot) error {
	groups, err := controlGroups()
	if err != nil {
		return err
	}
	// Processes are gone a little after they are killed.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err = nil
		for _, group := range groups {
			err = errors.Join(err, removeTree(filepath.Join(group.dir, s.group())))
		}
		if err == nil || time.Now().After(deadline) {
			return errors.Join(err, removeBridge(s.bridge()))
		}
	}
}

func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			err = errors.Join(err, removeTree(filepath.Join(dir, entry.Name())))
		}
	}
	if gone := syscall.Rmdir(dir); gone != nil && !errors.Is(gone, syscall.ENOENT) {
		err = errors.Join(err, &os.PathError{Op: "rmdir", Path: dir, Err: gone})
	}
	return err
}

func removeBridge(name string) error {
	bridge, err := netlink.LinkByName(name)
	var absent netlink.LinkNotFoundError
	if errors.As(err, &absent) {
		return nil
	}
	if err != nil {
		return err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, link := range links {
		if link.Attrs().MasterIndex == bridge.Attrs().Index {
			// The kernel takes it away by itself, with the namespace that the other end is in: it may be gone by now.
			_ = netlink.LinkDel(link)
		}
	}
	return netlink.LinkDel(bridge)
}

// nodeObstacle says why no node can run on this machine.
func nodeObstacle(folders ...string) error {
	if os.Geteuid() != 0 {
		return errors.New("it needs root")
	}
	for _, folder := range folders {
		for _, own := range privateFolders {
			if folder == own || strings.HasPrefix(folder, own+"/") {
				return fmt.Errorf("%s is in %s, which a node has for itself", folder, own)
			}
		}
	}
	if _, err := os.Stat("/dev/kmsg"); err != nil {
		return fmt.Errorf("a kubelet needs /dev/kmsg: %w", err)
	}
	return nil
}

// checkNode does all that starting a node does, up to its programs.
func checkNode() error {
	state, err := os.MkdirTemp("", "world-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	if err := nodeObstacle(state, executable); err != nil {
		return err
	}
	s, lock, err := takeSlot()
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := writeNodeFiles(state, s); err != nil {
		return err
	}
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: s.bridge()}}); err != nil {
		return errors.Join(fmt.Errorf("no network bridge can be made: %w", err), removeBridge(s.bridge()))
	}
	check, err := startInside(state, s, "node-try")
	if err == nil {
		err = check.Wait()
	}
	return errors.Join(err, sweep(s))
}
