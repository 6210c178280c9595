#!/bin/sh
# Prints the krew manifest of the plugin pull-secret for the archives of a release.
#
#   hack/krew.sh VERSION URL ARCHIVE...     VERSION: such as v0.2.0; URL: the folder that the archives are downloaded from;
#                                           ARCHIVE: dps-OS-ARCH.tar.gz, with the binary dps (on Windows dps.exe) and LICENSE in it,
#                                           as hack/archive.sh packs it
set -eu
[ $# -ge 3 ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
version=$1 url=$2
shift 2
cat <<YAML
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: pull-secret
spec:
  version: $version
  homepage: https://github.com/${GITHUB_REPOSITORY:-docker-pull-secret-operator/docker-pull-secret-operator}
  shortDescription: Explain and mend failing image pulls
  description: |
    Explains why a pod cannot pull an image: which credentials the kubelet sends, what is wrong with them, who can mend it,
    and how. Verifies credentials at their registry before a pod needs them, decodes tokens, lists the DockerPullSecrets of a
    cluster, and checks the installation of the docker-pull-secret-operator.

    Explaining and verifying needs no operator in the cluster.
  platforms:
YAML
for archive; do
    name=$(basename "$archive" .tar.gz)
    platform=${name#dps-}
    os=${platform%-*} arch=${platform##*-}
    bin=dps
    [ "$os" != windows ] || bin=dps.exe
    sum=$(sha256sum "$archive" | cut -d' ' -f1)
    cat <<YAML
    - selector:
        matchLabels:
          os: $os
          arch: $arch
      uri: $url/$name.tar.gz
      sha256: $sum
      bin: $bin
YAML
done
