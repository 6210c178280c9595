package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a child that ends with this program, however that ends.
type process struct {
	name string
	path string
	args []string
	env  []string
	log  string
	// files are open in the child from descriptor 3 on.
	files []*os.File
	// lifeline is for a child that tidies up before it ends: instead of being killed it sees its standard input end.
	lifeline bool
	input    io.Closer
	cmd      *exec.Cmd
	done     chan struct{}
}

// start must be called on the locked main thread: the kernel ends a child when the *thread* that started it ends.
func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), p.env...)
	// An own group keeps a Ctrl-C at the terminal from reaching the children first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.ExtraFiles = p.files
	if p.lifeline {
		cmd.SysProcAttr.Pdeathsig = 0
		if p.input, err = cmd.StdinPipe(); err != nil {
			return err
		}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.done = cmd, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait()
		close(done)
	}(p.done)
	return nil
}

func (p *process) stop() {
	if p.cmd == nil {
		return
	}
	if p.lifeline {
		_ = p.input.Close()
	} else {
		_ = p.cmd.Process.Kill()
	}
	<-p.done
	p.cmd = nil
}

func (p *process) signal(signal syscall.Signal) error {
	if p.cmd == nil {
		return fmt.Errorf("%s is not running", p.name)
	}
	return p.cmd.Process.Signal(signal)
}

// await asks url until it answers 200.
func (p *process) await(ctx context.Context, client *http.Client, url string) error {
	return p.awaitAnswer(ctx, client, url, func([]byte) error { return nil })
}

// awaitAnswer asks url until it answers 200 with what accept takes.
func (p *process) awaitAnswer(ctx context.Context, client *http.Client, url string, accept func([]byte) error) error {
	for {
		last := ask(ctx, client, url, accept)
		if last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while starting:\n%s", p.name, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%v):\n%s", p.name, last, tail(p.log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string, accept func([]byte) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return accept(body)
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// freePort finds a loopback port for a program that is about to listen there. The kernel gives it to nobody who asks for
// any port: a socket stays bound to it, and lets those in who name it.
func freePort() (int, error) {
	socket, port, err := boundSocket()
	if err != nil {
		return 0, err
	}
	// After bind: two that ask for any port must not be given the same.
	return port, syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
}

// boundSocket has a loopback port, and does not listen there.
func boundSocket() (int, int, error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, errors.Join(err, syscall.Close(socket))
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		return 0, 0, errors.Join(err, syscall.Close(socket))
	}
	return socket, name.(*syscall.SockaddrInet4).Port, nil
}

// client trusts the named CA and shows the named certificate.
func client(pki, authority, name string) (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(pki, name+".crt"), filepath.Join(pki, name+".key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(pki, authority+".crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}, Timeout: 5 * time.Second}, nil
}
