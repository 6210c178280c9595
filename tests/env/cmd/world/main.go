// Command world runs a real Kubernetes control plane (and a registry, or a node) on loopback for tests, the demo and people.
//
//	world up [--state DIR] [--registry] [--node]
//	                                      run until stdin ends or a signal comes; prints one line of JSON when ready
//	world up --detach --state DIR         the same in the background
//	world registries                      run registries of every kind instead, without a control plane
//	world info --state DIR                print that line again
//	world down --state DIR                stop a world in the background
//	world node-check                      say why no node can run on this machine, with exit code 1, or nothing
//
// With --node pods run: there is a scheduler, a kubelet and containerd, and registries of every kind to pull from.
//
// While it runs in the foreground, lines on stdin do something, each answered with one line: "stop apiserver" (kill it),
// "start apiserver", "pause apiserver" and "resume apiserver", "stop etcd" and "start etcd"; with a node also, once each, "start gone" (a registry starts
// where none was) and "trust untrusted" (the node trusts the CA of that registry from then on).
//
// It needs etcd, kube-apiserver, kube-controller-manager and registry beside its own binary, where tools.sh puts them; for
// a node also what tools.sh names. All state is in DIR; without --state that is a folder which is removed at the end. No
// process outlives it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	// Children are bound to the thread that starts them, see process.start.
	runtime.LockOSThread()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "world:", err)
		os.Exit(1)
	}
}

const commands = "up|registries|info|down|node-check"

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("use: world " + commands)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	state := flags.String("state", "", "folder for all state")
	withRegistry := flags.Bool("registry", false, "start a registry too")
	withNode := flags.Bool("node", false, "start a node and registries of every kind")
	detach := flags.Bool("detach", false, "run in the background")
	child := flags.Bool("in-background", false, "internal: this is the process in the background")
	number := flags.Int("slot", 0, "internal: which of the nodes on this machine this is")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *state == "" && (*detach || !slices.Contains([]string{"up", "registries", "node-check", "pause"}, args[0])) {
		return errors.New("--state is needed")
	}
	switch args[0] {
	case "up":
		if *detach {
			return background(*state, *withRegistry, *withNode)
		}
		return up(*state, *child, func(w *world) (any, error) { return &w.info, w.start(*withRegistry, *withNode) })
	case "registries":
		return up(*state, false, func(w *world) (any, error) {
			if err := w.authority(); err != nil {
				return nil, err
			}
			return w.startRegistries()
		})
	case "info":
		text, err := os.ReadFile(infoFile(*state))
		if err == nil {
			_, err = os.Stdout.Write(text)
		}
		return err
	case "down":
		return down(*state)
	case "node-check":
		return checkNode()
	case "node-keeper":
		return keep(*state, slot(*number))
	case "node-try":
		return tryInside(*state)
	case "node-init":
		return runNode(*state, slot(*number))
	case "pause":
		return pause()
	}
	return fmt.Errorf("unknown command %q: use world %s", args[0], commands)
}

func infoFile(state string) string { return filepath.Join(state, "world.json") }

func up(state string, child bool, start func(*world) (any, error)) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	if state == "" {
		if state, err = os.MkdirTemp("", "world-"); err != nil {
			return err
		}
		defer os.RemoveAll(state)
	}
	if state, err = filepath.Abs(state); err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	w := &world{info: info{StateDir: state, BinDir: filepath.Dir(executable), PID: os.Getpid()}, once: map[string]func() error{}}
	defer w.stop()

	// Starting is not interrupted by a signal: children die with this process anyway.
	started, err := start(w)
	if err != nil {
		return err
	}
	line, err := json.Marshal(started)
	if err != nil {
		return err
	}
	// Renamed into place, so that who waits for it never reads half of it.
	if err := os.WriteFile(infoFile(state)+".new", append(line, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(infoFile(state)+".new", infoFile(state)); err != nil {
		return err
	}
	defer os.Remove(infoFile(state))
	fmt.Println(string(line))

	commands := make(chan string)
	if !child {
		go func() {
			lines := bufio.NewScanner(os.Stdin)
			for lines.Scan() {
				commands <- lines.Text()
			}
			close(commands)
		}()
	}
	for {
		select {
		case <-signals:
			return nil
		case command, open := <-commands:
			if !open {
				return nil
			}
			fmt.Println(answer(w.obey(command)))
		}
	}
}

func answer(err error) string {
	reply := map[string]any{"ok": err == nil}
	if err != nil {
		reply["error"] = err.Error()
	}
	line, _ := json.Marshal(reply)
	return string(line)
}

func (w *world) obey(command string) error {
	switch command {
	case "stop apiserver":
		w.apiserver.stop()
		return nil
	case "start apiserver":
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		return w.startAPIServer(ctx)
	case "stop etcd":
		w.etcd.stop()
		return nil
	case "start etcd":
		return w.startEtcd()
	case "pause apiserver":
		return w.apiserver.signal(syscall.SIGSTOP)
	case "resume apiserver":
		return w.apiserver.signal(syscall.SIGCONT)
	}
	act := w.once[command]
	if act == nil {
		return fmt.Errorf("there is no %q in this world, or not twice", command)
	}
	delete(w.once, command)
	return act()
}

func background(state string, withRegistry, withNode bool) error {
	if _, err := os.Stat(infoFile(state)); err == nil {
		return fmt.Errorf("a world runs in %s already: world down --state %s", state, state)
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	path := filepath.Join(state, "world.log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(executable, "up", "--in-background", "--state", state,
		fmt.Sprintf("--registry=%v", withRegistry), fmt.Sprintf("--node=%v", withNode))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if text, err := os.ReadFile(infoFile(state)); err == nil {
			_, err = os.Stdout.Write(text)
			return err
		}
		select {
		case <-ended:
			return fmt.Errorf("the world did not start:\n%s", tail(path))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func down(state string) error {
	text, err := os.ReadFile(infoFile(state))
	if err != nil {
		return fmt.Errorf("no world runs in %s", state)
	}
	var running info
	if err := json.Unmarshal(text, &running); err != nil {
		return err
	}
	if err := syscall.Kill(running.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err := syscall.Kill(running.PID, 0); errors.Is(err, syscall.ESRCH) {
			_ = os.Remove(infoFile(state))
			return nil
		}
	}
	return fmt.Errorf("process %d does not end", running.PID)
}
