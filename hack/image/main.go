// Program image makes a container image of a static dps binary without a container engine: the same binary and the same
// commit give the same digest.
//
//	image -binary FILE -metadata FILE -lock FILE -out DIR [-revision SHA] [-created SECONDS] [-rust VERSION] [-libc VERSION] [-push REGISTRY/REPOSITORY:TAG]
//
// DIR gets oci (an OCI layout with the image and its SBOM), image.tar (for `kind load image-archive` and `ctr images
// import`), sbom.cdx.json and digest. Standard output has the digest.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run() error {
	binary := flag.String("binary", "", "the static dps binary")
	metadata := flag.String("metadata", "", "output of cargo metadata")
	lock := flag.String("lock", "Cargo.lock", "Cargo.lock")
	out := flag.String("out", "", "folder to write")
	revision := flag.String("revision", "", "commit that the binary is built from")
	created := flag.Int64("created", 0, "time of that commit, in seconds since 1970")
	rust := flag.String("rust", "", "version of Rust")
	libc := flag.String("libc", "", "version of glibc")
	push := flag.String("push", "", "REGISTRY/REPOSITORY:TAG to push to")
	flag.Parse()

	crates, err := readCrates(*metadata, *lock)
	if err != nil {
		return err
	}
	program, err := readProgram(*binary)
	if err != nil {
		return err
	}
	when := time.Unix(*created, 0).UTC()
	image, err := newImage(program, crates.root, *revision, when)
	if err != nil {
		return err
	}
	document, err := crates.sbom(when, *rust, *libc)
	if err != nil {
		return err
	}
	sbom, err := attach(document, image, when)
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	if err := write(*out, image, sbom, crates.root.Version); err != nil {
		return err
	}
	if *push != "" {
		if err := upload(*push, image, sbom); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "pushed %s\n", *push)
	}
	// Last: whoever finds it finds everything.
	if err := os.WriteFile(filepath.Join(*out, "digest"), []byte(digest.String()+"\n"), 0o644); err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}
