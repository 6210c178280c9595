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
//
//	{"secrets": [{"type": "Opaque", "key": ".dockercfg", "document": "e30="}], "image": "…"}  ->  {"logins": […]}
//
// is the same for Secrets in any shape, in the order of a pod's imagePullSecrets; documents are base64, since they need
// not be text, and each login says from which Secret it is. Where the kubelet uses none of them, the answer is an error.
//
//	{"parse": "nginx:1"}  ->  {"repository": "docker.io/library/nginx"}
//
// is what the kubelet looks up for an image as a pod names it, or an error.
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
)

type question struct {
	Keys      []string `json:"keys"`
	Documents []string `json:"documents"`
	Secrets   []secret `json:"secrets"`
	Image     string   `json:"image"`
	Parse     *string  `json:"parse"`
}

type secret struct {
	Type     string `json:"type"`
	Key      string `json:"key"`
	Document []byte `json:"document"`
}

type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Secret   int    `json:"secret"`
}

type answer struct {
	Keys       []int   `json:"keys,omitempty"`
	Logins     []login `json:"logins,omitempty"`
	Repository string  `json:"repository,omitempty"`
	Error      string  `json:"error,omitempty"`
}

func ask(q question) answer {
	if q.Parse != nil {
		repository, _, _, err := parsers.ParseImageName(*q.Parse)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Repository: repository}
	}
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
	all := q.Secrets
	for _, document := range documents {
		all = append(all, secret{string(v1.SecretTypeDockerConfigJson), v1.DockerConfigJsonKey, []byte(document)})
	}
	var pull []v1.Secret
	for index, one := range all {
		// The keyring tells the name of the Secret that a login is from.
		pull = append(pull, v1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: strconv.Itoa(index)},
			Type:       v1.SecretType(one.Type),
			Data:       map[string][]byte{one.Key: one.Document},
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
			from, err := strconv.Atoi(config.Source.Secret.Name)
			if err != nil {
				return answer{Error: err.Error()}
			}
			a.Logins = append(a.Logins, login{config.Username, config.Password, from})
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
