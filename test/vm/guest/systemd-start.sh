# What the unit isopod-tests runs in a guest under systemd, after two lines that set `repository`, its path, and `packages`,
# the path of its node_modules if they lie elsewhere: shows both where the host has them, then runs the tests.
modprobe virtio_console
# The port comes some time after its driver, and without udev it has no name but its number.
tries=0
until port=$(grep -lx output /sys/class/virtio-ports/*/name 2>/dev/null); do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || exit 1
  sleep 0.1
done
exec >"/dev/$(basename "$(dirname "$port")")" 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

finish() {
  echo "$1" >/run/job/rc
  exit "$1"
}

options=trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro
# Nobody writes to the host's files, and each run starts from them.
shares=/run/shares
mkdir -p "$shares/repository" "$shares/upper" "$shares/work" "$repository"
mount -t 9p -o "$options" repository "$shares/repository" || finish 125
mount -t overlay -o "lowerdir=$shares/repository,upperdir=$shares/upper,workdir=$shares/work" repository "$repository" ||
  finish 125
if [ -n "$packages" ]; then
  mkdir -p "$packages"
  mount -t 9p -o "$options" packages "$packages" || finish 125
fi
cd "$repository" || finish 125
sh test/vm/guest/inside.sh
finish $?
