#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the guest's kernel, initrd and disk from Debian packages:
#
#   image.sh CACHEDIR ARCHITECTURE
#
# prints the directory that holds vmlinuz, initrd.img, disk.img, and the sysroot that
# the plugin is built with.  ARCHITECTURE is amd64 or arm64.
# An image made from the same inputs is used again; images made from others are
# removed.  To get newer packages, remove the directory.
# Needs mmdebstrap, debian-archive-keyring and e2fsprogs, for arm64 also cpio, kmod
# and xz-utils; and root or sudo.

set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
release=trixie
disk_size=3G

say () { echo "# guest image: $*" >&2; }
die () { say "$*"; exit 1; }

[ $# = 2 ] || die "usage: $0 CACHEDIR ARCHITECTURE"
mkdir -p "$1"
cache=$(cd "$1" && pwd)
arch=$2
inputs=("$0" "$here/image-$arch.packages" "$here/image.init")
programs=(mmdebstrap mkfs.ext4)
missing="mmdebstrap e2fsprogs"
case $arch in
  amd64) ;;
  arm64)
    inputs+=("$here/image-arm64.initrd")
    programs+=(cpio modprobe xz)
    missing+=" cpio kmod xz-utils" ;;
  *) die "there is no guest for $arch" ;;
esac

key=$(cat "${inputs[@]}" | sha256sum | cut -c1-16)
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
for program in "${programs[@]}"; do
  command -v "$program" >/dev/null ||
    die "$program is missing: apt-get install $missing"
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
# Takes effect when mmdebstrap has ended and has unmounted what it mounted
trap 'die "ended by a signal"' INT TERM HUP

packages=$(sed 's/#.*//' "$here/image-$arch.packages" | xargs | tr ' ' ,)
root=$work/root
# Paths that are not installed, and exceptions
exclude=('/usr/share/man/*' '/usr/share/locale/*' '/usr/share/doc/*')
include=()

# bootstrap VARIANT SOURCE...: makes the root file system
bootstrap () {
  local variant=$1
  shift
  "${as_root[@]}" env ${http_proxy:+http_proxy="$http_proxy"} \
      ${https_proxy:+https_proxy="$https_proxy"} \
    mmdebstrap --variant="$variant" --mode=root --architectures="$arch" \
      --aptopt='Acquire::Retries "5"' \
      --aptopt='APT::Install-Recommends "false"' \
      "${exclude[@]/#/--dpkgopt=path-exclude=}" \
      "${include[@]/#/--dpkgopt=path-include=}" \
      --include="$packages" \
      "$release" "$root" "$@" >&2
}

make_root_amd64 () {
  bootstrap minbase "deb $mirror $release main" \
    "deb $mirror $release-backports main"
  # Looking at all plugins once takes long in the guest: done here
  "${as_root[@]}" chroot "$root" env GST_REGISTRY=/var/lib/gst-registry.bin \
    gst-inspect-1.0 kmssink >/dev/null
  "${as_root[@]}" cp "$root"/boot/initrd.img-* "$work/initrd.img"
}

# No arm64 program runs on the host, and so no script of a package.  This function
# does the part of their work that the guest needs.
make_root_arm64 () {
  # Scanning all plugins takes long in the guest, and libLLVM is large
  local plugins='/usr/lib/*/gstreamer-1.0'
  exclude+=("$plugins/*" '/usr/lib/*/libLLVM*')
  include+=("$plugins"/libgst{coreelements,debugutilsbad,videoconvertscale}.so
    '/usr/lib/*/gstreamer1.0/*')
  bootstrap extract "deb $mirror $release main"
  local file kernel
  for file in passwd group; do
    "${as_root[@]}" cp "$root/usr/share/base-passwd/$file.master" \
      "$root/etc/$file"
  done
  "${as_root[@]}" mkdir -p "$root"/{mnt,usr/local/bin}
  "${as_root[@]}" ln -sf ../bin/busybox "$root/usr/sbin/poweroff"
  kernel=$(basename "$root"/boot/vmlinuz-*)
  kernel=${kernel#vmlinuz-}
  "${as_root[@]}" depmod -b "$root" "$kernel"
  make_initrd "$kernel"
}

# make_initrd KERNEL: busybox, and the modules of the disk and its file system
make_initrd () {
  local initrd=$work/initrd module number=10
  mkdir -p "$initrd"/{bin,dev,mnt,modules}
  cp "$root/usr/bin/busybox" "$initrd/bin/"
  install -m 755 "$here/image-arm64.initrd" "$initrd/init"
  for module in virtio_blk ext4; do
    modprobe -d "$root" -S "$1" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
    while read -r module; do
      xz -dc "$module" >"$initrd/modules/$number-$(basename "$module" .xz)"
      number=$((number + 1))
    done
  (cd "$initrd" && find . | cpio -o -H newc --quiet | gzip -1) \
    >"$work/initrd.img"
  rm -r "$initrd"
}

say "making the root file system from Debian $release $arch; this takes some minutes"
"make_root_$arch"
"${as_root[@]}" install -m 755 "$here/image.init" "$root/init"

say "making the disk"
cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
"${as_root[@]}" mkfs.ext4 -q -O ^has_journal -d "$root" \
  "$work/disk.img" "$disk_size" >&2
"${as_root[@]}" chown "$(id -u):$(id -g)" "$work"/{vmlinuz,initrd.img,disk.img}
mkdir -p "$work/sysroot/usr/share"
"${as_root[@]}" rm -rf "$root"/usr/lib/{modules,firmware}
for name in include lib lib64 share/pkgconfig; do
  [ ! -e "$root/usr/$name" ] ||
    "${as_root[@]}" mv "$root/usr/$name" "$work/sysroot/usr/$name"
done
ln -s usr/lib usr/lib64 "$work/sysroot/"
"${as_root[@]}" rm -rf --one-file-system "$root"

trap - EXIT INT TERM HUP
mv "$work" "$image"
say "done: $image, $(du -sh "$image" | cut -f1)"
echo "$image"
