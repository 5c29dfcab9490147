#!/bin/busybox sh
# First program of a QEMU guest: loads what its root needs, and hands over to systemd there.
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  /bin/busybox insmod "/modules/$module"
done </modules/order
/bin/busybox mount -t ext4 -o noatime,prjquota /dev/vda /root
exec /bin/busybox switch_root /root /sbin/init
