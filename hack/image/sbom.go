package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"time"
)

const rootsModule = "golang.org/x/crypto/x509roots/fallback"

// crate is a package of cargo metadata.
type crate struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Version     string `json:"version"`
	License     string `json:"license"`
	Description string `json:"description"`
	Repository  string `json:"repository"`
	Source      string `json:"source"`
	Targets     []struct {
		Kind []string `json:"kind"`
	} `json:"targets"`
}

func (c *crate) purl() string { return "pkg:cargo/" + c.Name + "@" + c.Version }

func (c *crate) isMacro() bool {
	for _, target := range c.Targets {
		if slices.Contains(target.Kind, "proc-macro") {
			return true
		}
	}
	return false
}

// crates are what the binary is made of: neither what only builds or tests it, nor macros, which run in the compiler.
type crates struct {
	root      *crate
	linked    map[string]*crate
	needs     map[string][]string
	checksums map[string]string
}

func readCrates(metadata, lock string) (*crates, error) {
	content, err := os.ReadFile(metadata)
	if err != nil {
		return nil, err
	}
	var document struct {
		Packages []*crate `json:"packages"`
		Resolve  struct {
			Root  string `json:"root"`
			Nodes []struct {
				ID   string `json:"id"`
				Deps []struct {
					Pkg   string `json:"pkg"`
					Kinds []struct {
						Kind *string `json:"kind"`
					} `json:"dep_kinds"`
				} `json:"deps"`
			} `json:"nodes"`
		} `json:"resolve"`
	}
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", metadata, err)
	}
	all := map[string]*crate{}
	for _, crate := range document.Packages {
		all[crate.ID] = crate
	}
	needs := map[string][]string{}
	for _, node := range document.Resolve.Nodes {
		for _, dependency := range node.Deps {
			for _, kind := range dependency.Kinds {
				// Neither "dev" nor "build".
				if kind.Kind == nil && !all[dependency.Pkg].isMacro() {
					needs[node.ID] = append(needs[node.ID], dependency.Pkg)
					break
				}
			}
		}
	}
	found := &crates{root: all[document.Resolve.Root], linked: map[string]*crate{}, needs: needs}
	if found.root == nil {
		return nil, fmt.Errorf("%s has no root package", metadata)
	}
	for open := []string{found.root.ID}; len(open) > 0; open = open[1:] {
		if id := open[0]; found.linked[id] == nil {
			found.linked[id] = all[id]
			open = append(open, needs[id]...)
		}
	}
	found.checksums, err = readChecksums(lock)
	return found, err
}

var locked = regexp.MustCompile(`(?m)^name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([0-9a-f]{64})"$`)

func readChecksums(lock string) (map[string]string, error) {
	content, err := os.ReadFile(lock)
	if err != nil {
		return nil, err
	}
	checksums := map[string]string{}
	for _, match := range locked.FindAllStringSubmatch(string(content), -1) {
		checksums[match[1]+"@"+match[2]] = match[3]
	}
	if len(checksums) == 0 {
		return nil, fmt.Errorf("%s has no checksum: is it a Cargo.lock?", lock)
	}
	return checksums, nil
}

type component struct {
	Type     string           `json:"type"`
	Ref      string           `json:"bom-ref"`
	Name     string           `json:"name"`
	Version  string           `json:"version"`
	CPE      string           `json:"cpe,omitempty"`
	Purl     string           `json:"purl"`
	Hashes   []map[string]any `json:"hashes,omitempty"`
	Licenses []map[string]any `json:"licenses,omitempty"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func (c *crates) component(kind string, crate *crate) component {
	made := component{Type: kind, Ref: crate.purl(), Name: crate.Name, Version: crate.Version, Purl: crate.purl()}
	if checksum := c.checksums[crate.Name+"@"+crate.Version]; checksum != "" {
		made.Hashes = []map[string]any{{"alg": "SHA-256", "content": checksum}}
	}
	if crate.License != "" {
		// The way to write OR before cargo took SPDX expressions.
		made.Licenses = []map[string]any{{"expression": strings.ReplaceAll(crate.License, "/", " OR ")}}
	}
	return made
}

// sbom lists what is in the image, as CycloneDX. It has no serial number: that would be another one each time.
func (c *crates) sbom(created time.Time, rust, libc string) ([]byte, error) {
	var components []component
	var dependencies []dependency
	for id, crate := range c.linked {
		if id != c.root.ID {
			components = append(components, c.component("library", crate))
		}
		needed := []string{}
		for _, other := range c.needs[id] {
			needed = append(needed, c.linked[other].purl())
		}
		sort.Strings(needed)
		dependencies = append(dependencies, dependency{crate.purl(), slices.Compact(needed)})
	}
	others := beside(rust, libc)
	components = append(components, others...)
	sort.Slice(components, func(i, j int) bool { return components[i].Ref < components[j].Ref })
	for _, other := range others {
		dependencies = append(dependencies, dependency{Ref: other.Ref})
	}
	sort.Slice(dependencies, func(i, j int) bool { return dependencies[i].Ref < dependencies[j].Ref })
	for index := range dependencies {
		if dependencies[index].Ref == c.root.purl() {
			for _, other := range others {
				dependencies[index].DependsOn = append(dependencies[index].DependsOn, other.Ref)
			}
		}
	}
	return json.MarshalIndent(map[string]any{
		"$schema":   "http://cyclonedx.org/schema/bom-1.6.schema.json",
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{
			"timestamp": created.Format(time.RFC3339),
			"component": c.component("application", c.root),
		},
		"components":   components,
		"dependencies": dependencies,
	}, "", "  ")
}

// beside is what no Cargo.lock knows of: the standard library, the libc, and the certificates.
func beside(rust, libc string) []component {
	var made []component
	add := func(kind, name, version, purl, cpe string) {
		if version != "" {
			purl += "@" + version
			made = append(made, component{Type: kind, Ref: purl, Name: name, Version: version, CPE: cpe, Purl: purl})
		}
	}
	add("library", "rust-std", rust, "pkg:generic/rust-std", fmt.Sprintf("cpe:2.3:a:rust-lang:rust:%s:*:*:*:*:*:*:*", rust))
	add("library", "glibc", libc, "pkg:generic/glibc", fmt.Sprintf("cpe:2.3:a:gnu:glibc:%s:*:*:*:*:*:*:*", libc))
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == rootsModule {
				add("data", "mozilla-roots", module.Version, "pkg:golang/"+rootsModule, "")
			}
		}
	}
	return made
}
