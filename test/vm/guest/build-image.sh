#!/bin/sh
# Builds what QEMU boots, from Debian packages alone, and prints the directory that holds it: `vmlinux`, `initramfs.gz`,
# `root.ext4`. Kept below .build by the version of the kernel, the list of packages and this directory's own scripts;
# older ones are removed. Needs root, mmdebstrap, xz and mke2fs; takes a minute, once.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=$(CDPATH='' cd -- "$here/../../.." && pwd)/.build/vm
# Two lanes at once would build the same image twice: the second waits for the first.
mkdir -p "$cache"
if [ "${ISOPOD_IMAGE_LOCKED-}" != 1 ]; then
  ISOPOD_IMAGE_LOCKED=1 exec flock "$cache/lock" sh "$0"
fi
packages=systemd,systemd-sysv,libpam-systemd,dbus,kmod,iproute2,procps,libcap2-bin,busybox-static,python3-minimal,python3-seccomp,attr,e2fsprogs,apparmor,umoci,skopeo,erofs-utils
# What the guest needs before its root is there, and what systemd does not load by itself.
early="virtio_mmio virtio_blk ext4 quota_v2"
late="9p 9pnet_virtio overlay loop bfq"

say() { printf 'guest image: %s\n' "$*" >&2; }

kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
if [ -z "$kernel" ]; then
  apt-get update >&2
  kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
fi
[ -n "$kernel" ] || { say 'apt knows no linux-image-amd64: its sources lack Debian main'; exit 1; }
version=$(apt-cache show --no-all-versions "$kernel" | sed -n 's/^Version: //p')
key=$({ echo "$kernel $version"; cat "$0" "$here/initramfs-init.sh" "$here/isopod-tests.service"; } | sha256sum | cut -c 1-12)
image=$cache/$key
if [ -e "$image/root.ext4" ]; then
  echo "$image"
  exit 0
fi

say "building $kernel $version with $packages"
# What an earlier build that was killed has left.
work=$cache/building
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
(cd "$work" && apt-get -o APT::Sandbox::User=root download "$kernel" >&2)
dpkg-deb -x "$work"/linux-image-*.deb "$work/kernel"
release=${kernel#linux-image-}

# QEMU boots the bare kernel; what Debian ships has it as a stream of xz behind the boot loader's part.
offset=$(LC_ALL=C grep -abom 1 "$(printf '\3757zXZ')" "$work/kernel/boot/vmlinuz-$release" | cut -d : -f 1 | head -n 1)
mkdir "$work/image"
tail -c "+$((offset + 1))" "$work/kernel/boot/vmlinuz-$release" | xz -dc --single-stream >"$work/image/vmlinux" 2>/dev/null || true
# What comes behind the stream is no fault; a kernel that is none is.
[ "$(head -c 4 "$work/image/vmlinux" | tail -c 3)" = ELF ] || { say "no xz stream with a kernel in vmlinuz-$release"; exit 1; }

root=$work/root
sources=$(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
mmdebstrap --quiet --mode=root --variant=minbase --aptopt='Acquire::Languages "none"' --include="$packages" bookworm "$root" \
  "$sources" >&2
cp -a "$work/kernel/lib/modules" "$root/lib/"
chroot "$root" depmod "$release"

: >"$root/etc/fstab"
: >"$root/etc/machine-id"
echo guest >"$root/etc/hostname"
printf '%s\n' $late >"$root/etc/modules-load.d/isopod.conf"
cp "$here/isopod-tests.service" "$root/etc/systemd/system/"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../isopod-tests.service "$root/etc/systemd/system/multi-user.target.wants/"
for unit in getty.target systemd-logind.service systemd-timesyncd.service systemd-networkd.service systemd-resolved.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service \
  apparmor.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

early_root=$work/early
mkdir -p "$early_root/bin" "$early_root/modules" "$early_root/dev" "$early_root/root"
cp /usr/bin/busybox "$early_root/bin/" 2>/dev/null || cp /bin/busybox "$early_root/bin/"
cp "$here/initramfs-init.sh" "$early_root/init"
chmod 755 "$early_root/init"
# shellcheck disable=SC2086
chroot "$root" modprobe -S "$release" -a --show-depends $early | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
  while read -r module; do
    cp "$root$module" "$early_root/modules/"
    basename "$module" >>"$early_root/modules/order"
  done
(cd "$early_root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$work/image/initramfs.gz"

rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/man
# Project quotas are what the host's kernel may lack; no journal, since each run starts from the image anew.
mke2fs -q -F -t ext4 -O '^has_journal,quota,project' -E quotatype=prjquota,lazy_itable_init=1 -d "$root" \
  "$work/image/root.ext4" 6G >&2
mv "$work/image" "$image"
find "$cache" -mindepth 1 -maxdepth 1 -type d ! -name "$key" ! -name building -exec rm -rf {} +
echo "$image"
