import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const GUEST = join(import.meta.dirname, 'guest');
const MEMORY_MIB = 3072;

/** Where a guest finds its things on the host. */
export interface QemuPlaces {
  /** Holds `vmlinux`, `initramfs.gz` and `root.ext4`. */
  readonly image: string;
  readonly repository: string;
  /** The repository's node_modules, which may lie elsewhere. */
  readonly packages: string;
  readonly job: string;
}

/** The kernel's words for the hierarchies a guest has: v2 alone, or v1 as systemd mounts it when told to. */
const HIERARCHY_WORDS = { v2: 'systemd.unified_cgroup_hierarchy=1', v1: 'systemd.unified_cgroup_hierarchy=0' } as const;

/**
 * The command that runs a QEMU guest: emulated by TCG, for a /dev/kvm that can be opened may still boot no stock kernel.
 * The guest's output comes by a port of its own; its console goes to the file `console` in the job.
 *
 * @param tscKhz without it the kernel would measure it by a timer that a loaded host delivers late, and hang
 */
export function qemuCommand(places: QemuPlaces, version: 'v1' | 'v2', tscKhz: number): readonly string[] {
  const { image, repository, packages, job } = places;
  const kernelWords = [
    ...['console=ttyS0', 'panic=-1', 'reboot=t', 'quiet', `tsc_early_khz=${tscKhz}`, 'no_timer_check'],
    ...['mitigations=off', 'systemd.show_status=0', 'apparmor=1', 'security=apparmor', 'swapaccount=1'],
    HIERARCHY_WORDS[version],
  ];
  return [
    ...['qemu-system-x86_64', '-M', 'microvm', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2'],
    ...['-m', String(MEMORY_MIB), '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-bios', 'qboot.rom', '-kernel', join(image, 'vmlinux'), '-initrd', join(image, 'initramfs.gz')],
    ...['-append', kernelWords.join(' '), '-serial', `file:${join(job, 'console')}`],
    ...['-drive', `if=none,id=root,file=${join(image, 'root.ext4')},format=raw,snapshot=on`],
    ...['-device', 'virtio-blk-device,drive=root'],
    ...['-device', 'virtio-serial-device', '-chardev', 'stdio,id=output,signal=off'],
    ...['-device', 'virtserialport,chardev=output,name=output'],
    ...share('repository', repository, 'on'),
    ...share('packages', packages, 'on'),
    ...share('job', job, 'off'),
  ];
}

function share(tag: string, path: string, readonly: 'on' | 'off'): readonly string[] {
  const backend = `local,id=${tag},path=${path},security_model=none,readonly=${readonly},multidevs=remap`;
  return ['-fsdev', backend, '-device', `virtio-9p-device,fsdev=${tag},mount_tag=${tag}`];
}

/** Builds the image if it is not there, writes what the guest starts with into the job, and tells how to run the guest. */
export function prepareQemuGuest(repository: string, job: string, version: 'v1' | 'v2'): readonly string[] {
  const build = ['sh', [join(GUEST, 'build-image.sh')]] as const;
  const image = execFileSync(...build, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const packages = realpathSync(join(repository, 'node_modules'));
  const elsewhere = packages.startsWith(`${repository}/`) ? '' : packages;
  const start = readFileSync(join(GUEST, 'systemd-start.sh'), 'utf8');
  writeFileSync(join(job, 'start'), `repository='${repository}'\npackages='${elsewhere}'\n${start}`);
  return qemuCommand({ image, repository, packages, job }, version, measureTscKhz(job));
}

function measureTscKhz(job: string): number {
  const program = join(job, 'tsc-khz');
  execFileSync('gcc', ['-O1', join(GUEST, 'tsc-khz.c'), '-o', program], { stdio: ['ignore', 'inherit', 'inherit'] });
  return Number(execFileSync(program, { encoding: 'utf8' }));
}
