#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the guest's kernel, initrd and disk from Debian packages:
#
#   image.sh CACHEDIR
#
# prints the directory that holds vmlinuz, initrd.img and disk.img.  An image
# made from the same inputs is used again; images made from others are removed.
# To get newer packages, remove the directory.
# Needs mmdebstrap, debian-archive-keyring and e2fsprogs, and root or sudo.

set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
release=trixie
disk_size=3G

say () { echo "# guest image: $*" >&2; }
die () { say "$*"; exit 1; }

[ $# = 1 ] || die "usage: $0 CACHEDIR"
mkdir -p "$1"
cache=$(cd "$1" && pwd)

key=$(cat "$0" "$here/image.packages" "$here/image.init" |
  sha256sum | cut -c1-16)
image=$cache/image-$key

# Two runs at once: the second waits and finds the image of the first
exec 9>"$cache/lock"
flock -n 9 || { say "another run is at it, waiting"; flock 9; }

if [ -e "$image/disk.img" ]; then
  say "$image is up to date"
  echo "$image"
  exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null ||
    die "making the root file system needs root: run this as root, or install sudo"
  as_root=(sudo)
fi
for program in mmdebstrap mkfs.ext4; do
  command -v $program >/dev/null ||
    die "$program is missing: apt-get install mmdebstrap e2fsprogs"
done

# The mirror that this machine itself uses has the other releases, too
host_release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
mirror=$(apt-get indextargets \
    --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
  awk -v c="$host_release" '$1 == "Debian" && $2 == c { print $3; exit }')
[ -n "$mirror" ] ||
  die "apt knows no Debian mirror: run apt-get update, on a Debian machine"
# mmdebstrap does not read this machine's apt.conf
eval "$(apt-config shell http_proxy Acquire::http::Proxy \
                         https_proxy Acquire::https::Proxy)"
export http_proxy="${http_proxy-}" https_proxy="${https_proxy-}"
[ -n "$http_proxy" ] || unset http_proxy
[ -n "$https_proxy" ] || unset https_proxy

"${as_root[@]}" rm -rf --one-file-system "$cache"/image-*
work=$image.new
mkdir "$work"
trap '"${as_root[@]}" rm -rf --one-file-system "$work"' EXIT

packages=$(sed 's/#.*//' "$here/image.packages" | xargs | tr ' ' ,)

say "making the root file system from Debian $release; this takes some minutes"
"${as_root[@]}" env ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
  mmdebstrap --variant=minbase --mode=root \
    --aptopt='Acquire::Retries "5"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --include="$packages" \
    "$release" "$work/root" \
    "deb $mirror $release main" "deb $mirror $release-backports main" >&2

"${as_root[@]}" install -m 755 "$here/image.init" "$work/root/init"
# Looking at all plugins once takes long in the guest: done here
"${as_root[@]}" chroot "$work/root" env GST_REGISTRY=/var/lib/gst-registry.bin \
  gst-inspect-1.0 kmssink >/dev/null

say "making the disk"
cp "$work"/root/boot/vmlinuz-* "$work/vmlinuz"
"${as_root[@]}" cp "$work"/root/boot/initrd.img-* "$work/initrd.img"
"${as_root[@]}" mkfs.ext4 -q -O ^has_journal -d "$work/root" \
  "$work/disk.img" "$disk_size" >&2
"${as_root[@]}" chown "$(id -u):$(id -g)" "$work"/{vmlinuz,initrd.img,disk.img}
"${as_root[@]}" rm -rf --one-file-system "$work/root"

trap - EXIT
mv "$work" "$image"
say "done: $image, $(du -sh "$image" | cut -f1)"
echo "$image"
