// Command keyring-oracle answers with the kubelet's own code which logins a kubelet would try for an image.
//
// It reads one JSON object a line and answers each with one line:
//
//	{"keys": ["registry.example.com"], "image": "registry.example.com/team/app"}  ->  {"keys": [0]}
//
// where the answer holds the indexes of the matching keys in the order in which a kubelet tries them, and
//
//	{"documents": ["{\"auths\": …}"], "image": "…"}  ->  {"logins": [{"username": "u", "password": "p"}]}
//
// where each document is the content of one kubernetes.io/dockerconfigjson Secret. The image has no tag and no digest.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
)

type question struct {
	Keys      []string `json:"keys"`
	Documents []string `json:"documents"`
	Image     string   `json:"image"`
}

type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type answer struct {
	Keys   []int   `json:"keys,omitempty"`
	Logins []login `json:"logins,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func ask(q question) answer {
	documents := q.Documents
	// One document a key, so that the order of equal keys is the order given and not that of a Go map.
	for index, key := range q.Keys {
		document, err := json.Marshal(map[string]any{"auths": map[string]any{
			key: map[string]string{"username": strconv.Itoa(index), "password": "-"},
		}})
		if err != nil {
			return answer{Error: err.Error()}
		}
		documents = append(documents, string(document))
	}
	var pull []v1.Secret
	for _, document := range documents {
		pull = append(pull, v1.Secret{
			Type: v1.SecretTypeDockerConfigJson,
			Data: map[string][]byte{v1.DockerConfigJsonKey: []byte(document)},
		})
	}
	keyring, err := secrets.MakeDockerKeyring(pull, &credentialprovider.BasicDockerKeyring{})
	if err != nil {
		return answer{Error: err.Error()}
	}
	found, _ := keyring.Lookup(q.Image)
	var a answer
	for _, config := range found {
		if len(q.Keys) == 0 {
			a.Logins = append(a.Logins, login{config.Username, config.Password})
		} else if index, err := strconv.Atoi(config.Username); err == nil {
			a.Keys = append(a.Keys, index)
		}
	}
	return a
}

func main() {
	// The keyring logs every key that it cannot parse.
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false")
	_ = flags.Set("alsologtostderr", "false")
	_ = flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard)

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var q question
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			a.Error = err.Error()
		} else {
			a = ask(q)
		}
		if err := encoder.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Flush(); err != nil {
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
