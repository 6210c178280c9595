// Command schemas writes JSON schemas for kubeconform: of every kind in Kubernetes' own OpenAPI document, which comes
// with the Go module, and of the CRDs in the files it is given. Unknown fields are errors in all of them.
//
//	schemas DIR CRD.yaml...
//
// It has to be started in the folder of tests/env/go.mod.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "use: schemas DIR CRD.yaml...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(dir string, crds []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	out, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes").Output()
	if err != nil {
		return fmt.Errorf("go mod download k8s.io/kubernetes: %w", err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(module.Dir, "api/openapi-spec/swagger.json"))
	if err != nil {
		return err
	}
	var swagger struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(text, &swagger); err != nil {
		return err
	}
	for _, definition := range swagger.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		// Types with many kinds, such as DeleteOptions, are no manifests.
		if len(kinds) != 1 {
			continue
		}
		kind := kinds[0].(object)
		schema := resolve(definition, swagger.Definitions, nil)
		if err := write(dir, kind["group"].(string), kind["version"].(string), kind["kind"].(string), schema); err != nil {
			return err
		}
	}
	meta := resolve(swagger.Definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"], swagger.Definitions, nil)
	for _, path := range crds {
		if err := writeCRD(dir, path, meta); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func writeCRD(dir, path string, meta any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema object }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return err
	}
	for _, version := range crd.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		properties := schema["properties"].(object)
		properties["apiVersion"], properties["kind"] = object{"type": "string"}, object{"type": "string"}
		strict := resolve(schema, nil, nil).(object)
		strict["properties"].(object)["metadata"] = meta
		if err := write(dir, crd.Spec.Group, version.Name, crd.Spec.Names.Kind, strict); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, group, version, kind string, schema any) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	// As kubeconform names them: {{.ResourceKind}}{{.KindSuffix}}.json, with the first label of the group.
	group, _, _ = strings.Cut(group, ".")
	if group != "" {
		group += "-"
	}
	name := strings.ToLower(kind + "-" + group + version + ".json")
	return os.WriteFile(filepath.Join(dir, name), text, 0o644)
}

// resolve puts definitions in the place of their references; a type within itself accepts anything.
func resolve(node any, definitions map[string]object, within []string) any {
	switch node := node.(type) {
	case []any:
		all := make([]any, len(node))
		for i, item := range node {
			all[i] = resolve(item, definitions, within)
		}
		return all
	case object:
		if reference, ok := node["$ref"].(string); ok {
			name := strings.TrimPrefix(reference, "#/definitions/")
			for _, outer := range within {
				if outer == name {
					return object{}
				}
			}
			return resolve(definitions[name], definitions, append(within[:len(within):len(within)], name))
		}
		all := object{}
		for key, value := range node {
			all[key] = resolve(value, definitions, within)
		}
		if _, fields := all["properties"].(object); fields && all["additionalProperties"] == nil {
			all["additionalProperties"] = false
		}
		switch all["format"] {
		case "int-or-string":
			return object{"type": []any{"string", "integer"}}
		case "byte", "int32", "int64":
			delete(all, "format")
		}
		return all
	}
	return node
}
