package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// controlGroup is the place of this process in one hierarchy of control groups. There is one hierarchy in version 2, and
// one for every controller in version 1.
type controlGroup struct {
	// controllers is empty for version 2, and name=NAME for a hierarchy without any.
	controllers string
	// dir is where a group for the node can be made.
	dir string
	// own is where this process was.
	own string
}

func controlGroups() ([]controlGroup, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var groups []controlGroup
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.SplitN(lines.Text(), ":", 3)
		root, point := mountOf(string(mounts), fields[1])
		if point == "" {
			continue
		}
		// In a container the mount may begin below the root of the hierarchy.
		below := strings.TrimPrefix(strings.TrimPrefix(fields[2], "/.."), strings.TrimSuffix(root, "/"))
		group := controlGroup{controllers: fields[1], own: filepath.Join(point, below)}
		group.dir = group.own
		if fields[1] == "" {
			// In version 2 a group with processes has no groups below it that control anything, but for the first.
			group.dir = point
		}
		groups = append(groups, group)
	}
	// A machine that has both versions has the controllers in version 1.
	if slices.ContainsFunc(groups, func(group controlGroup) bool { return group.controllers != "" }) {
		groups = slices.DeleteFunc(groups, func(group controlGroup) bool { return group.controllers == "" })
	}
	if len(groups) == 0 {
		return nil, errors.New("there are no control groups in /sys/fs/cgroup")
	}
	return groups, nil
}

// mountOf finds which folder of a hierarchy is mounted where, in the format of proc_pid_mountinfo(5).
func mountOf(mounts, controllers string) (root, point string) {
	for line := range strings.Lines(mounts) {
		before, after, found := strings.Cut(line, " - ")
		mount, system := strings.Fields(before), strings.Fields(after)
		if !found || len(mount) < 5 || len(system) < 3 {
			continue
		}
		is := system[0] == "cgroup2"
		if controllers != "" {
			is = system[0] == "cgroup"
			for _, controller := range strings.Split(controllers, ",") {
				is = is && slices.Contains(strings.Split(system[2], ","), controller)
			}
		}
		if is {
			return mount[3], mount[4]
		}
	}
	return "", ""
}

func (g controlGroup) create(s slot) error {
	dir := filepath.Join(g.dir, s.group())
	if g.controllers == "" {
		// What is on already may be written again.
		for _, controller := range []string{"cpu", "cpuset", "memory", "pids", "io"} {
			if err := os.WriteFile(filepath.Join(g.dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil && controller != "io" {
				return fmt.Errorf("the controller %s cannot be used: %w", controller, err)
			}
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if !slices.Contains(strings.Split(g.controllers, ","), "cpuset") {
		return nil
	}
	// A new cpuset of version 1 is empty and takes no process.
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(g.dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// join moves this process.
func (g controlGroup) join(name string) error {
	return os.WriteFile(filepath.Join(g.dir, name, "cgroup.procs"), []byte("0"), 0o644)
}

func (g controlGroup) leave() error {
	return os.WriteFile(filepath.Join(g.own, "cgroup.procs"), []byte("0"), 0o644)
}

// mount makes this hierarchy visible again in a fresh /sys/fs/cgroup.
func (g controlGroup) mount() error {
	const fresh = "/sys/fs/cgroup"
	const flags = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	if g.controllers == "" {
		if err := syscall.Mount("cgroup2", fresh, "cgroup2", flags, ""); err != nil {
			return fmt.Errorf("mount cgroup2: %w", err)
		}
		// The first group must be empty for the kubelet to make groups below it.
		leaf := controlGroup{dir: fresh}
		return errors.Join(os.Mkdir(filepath.Join(fresh, "init"), 0o755), leaf.join("init"))
	}
	name, options := strings.TrimPrefix(g.controllers, "name="), g.controllers
	if name != g.controllers {
		options = "none," + options
	}
	point := filepath.Join(fresh, name)
	if err := os.Mkdir(point, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("cgroup", point, "cgroup", flags, options); err != nil {
		return fmt.Errorf("mount cgroup %s: %w", options, err)
	}
	return nil
}
