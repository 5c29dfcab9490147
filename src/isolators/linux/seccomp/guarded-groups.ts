import type { CallGroup } from './allowed-groups.ts';

/** Calls that a container may make with any one of these capabilities, names without `CAP_`. */
export interface GuardedGroup extends CallGroup {
  readonly capabilities: readonly string[];
}

export const GUARDED_GROUPS: readonly GuardedGroup[] = [
  {
    name: 'namespaces',
    capabilities: ['SYS_ADMIN'],
    reason: 'a user namespace opens most of the kernel to a process that is nobody outside (CVE-2022-0185 and its kin)',
    calls: ['setns', 'listns'],
  },
  {
    name: 'mounts',
    capabilities: ['SYS_ADMIN'],
    reason: 'masked paths and read-only mounts hold only while nobody changes the mount table',
    calls: [
      ...['fsconfig', 'fsmount', 'fsopen', 'fspick', 'mount', 'mount_setattr', 'move_mount', 'open_tree'],
      ...['open_tree_attr', 'pivot_root', 'umount', 'umount2'],
    ],
  },
  {
    name: 'names of the host',
    capabilities: ['SYS_ADMIN'],
    reason: 'the host name is set from outside',
    calls: ['sethostname', 'setdomainname'],
  },
  {
    name: 'quotas and file monitoring',
    capabilities: ['SYS_ADMIN'],
    reason: 'about whole file systems, not about the files of a container',
    calls: ['fanotify_init', 'quotactl', 'quotactl_fd'],
  },
  {
    name: 'files by handle',
    capabilities: ['DAC_READ_SEARCH'],
    reason: 'opens any file of a file system, also outside of the root (the "shocker" escape)',
    calls: ['open_by_handle_at'],
  },
  {
    name: 'bpf',
    capabilities: ['BPF', 'SYS_ADMIN'],
    reason: 'programs in the kernel; its verifier has a long list of faults',
    calls: ['bpf'],
  },
  {
    name: 'performance counters',
    capabilities: ['PERFMON', 'SYS_ADMIN'],
    reason: 'tells about other containers, and has a long list of faults',
    calls: ['perf_event_open'],
  },
  {
    name: 'kernel log',
    capabilities: ['SYSLOG', 'SYS_ADMIN'],
    reason: 'the log of the host, with addresses of its kernel',
    calls: ['syslog'],
  },
  {
    name: 'other processes',
    capabilities: ['SYS_PTRACE'],
    reason: 'takes descriptors of, or changes the memory of, processes that are not its own',
    calls: ['kcmp', 'pidfd_getfd', 'process_madvise', 'userfaultfd'],
  },
  {
    name: 'moving pages',
    capabilities: ['SYS_NICE'],
    reason: 'between nodes of a NUMA machine, of other processes too',
    calls: ['migrate_pages', 'move_pages', 'set_mempolicy_home_node'],
  },
  {
    name: 'chroot',
    capabilities: ['SYS_CHROOT'],
    reason: 'a second chroot leaves the first',
    calls: ['chroot'],
  },
  {
    name: 'setting clocks',
    capabilities: ['SYS_TIME'],
    reason: 'the clock is the one of the host',
    calls: ['clock_settime', 'clock_settime64', 'settimeofday', 'stime'],
  },
  {
    name: 'kernel modules',
    capabilities: ['SYS_MODULE'],
    reason: 'code in the kernel of the host',
    calls: ['delete_module', 'finit_module', 'init_module'],
  },
  {
    name: 'accounting',
    capabilities: ['SYS_PACCT'],
    reason: 'of the whole host',
    calls: ['acct'],
  },
  { name: 'reboot', capabilities: ['SYS_BOOT'], reason: 'of the host', calls: ['reboot'] },
  {
    name: 'hardware ports',
    capabilities: ['SYS_RAWIO'],
    reason: 'of the host',
    calls: ['ioperm', 'iopl'],
  },
  {
    name: 'hanging up terminals',
    capabilities: ['SYS_TTY_CONFIG'],
    reason: 'of other sessions',
    calls: ['vhangup'],
  },
];

/** Calls that no capability opens. */
export interface RefusedGroup extends CallGroup {
  /** What the call answers; missing is EPERM. `ENOSYS` makes programs fall back to what is allowed. */
  readonly errno?: 'ENOSYS';
}

export const REFUSED_GROUPS: readonly RefusedGroup[] = [
  {
    name: 'io_uring',
    errno: 'ENOSYS',
    reason:
      'its operations pass by every filter of calls, and it has had more faults than any other part of the kernel',
    calls: ['io_uring_enter', 'io_uring_register', 'io_uring_setup'],
  },
  {
    name: 'socketcall',
    errno: 'ENOSYS',
    reason: 'the family stands behind a pointer, where no filter sees it: AF_ALG would be open to 32-bit programs',
    calls: ['socketcall'],
  },
  {
    name: 'keyrings',
    reason: 'keys are not namespaced',
    calls: ['add_key', 'keyctl', 'request_key'],
  },
  {
    name: 'another kernel, swap',
    reason: 'of the host',
    calls: ['kexec_file_load', 'kexec_load', 'swapoff', 'swapon'],
  },
  {
    name: 'security labels',
    reason: 'given from outside',
    calls: ['lsm_set_self_attr'],
  },
  {
    name: 'old processor modes',
    reason: 'segments and virtual 8086 mode serve 16-bit programs, and have had faults (CVE-2014-9322, CVE-2015-5157)',
    calls: ['modify_ldt', 'vm86', 'vm86old', 'usr26', 'usr32'],
  },
  {
    name: 'pages into pipes',
    reason:
      'maps the memory of a process into a pipe, which attacks on the page cache are built from; nothing needs it',
    calls: ['vmsplice'],
  },
  {
    name: 'obsolete calls',
    reason: 'nothing of today uses them, or no kernel has them any more',
    calls: [
      ...['_sysctl', 'afs_syscall', 'bdflush', 'break', 'create_module', 'epoll_ctl_old', 'epoll_wait_old', 'ftime'],
      ...['get_kernel_syms', 'getpmsg', 'gtty', 'idle', 'lock', 'lookup_dcookie', 'mpx', 'nfsservctl', 'oldfstat'],
      ...['oldlstat', 'oldolduname', 'oldstat', 'olduname', 'pciconfig_iobase', 'pciconfig_read', 'pciconfig_write'],
      ...['prof', 'profil', 'putpmsg', 'query_module', 'security', 'stty', 'sysfs', 'tuxcall', 'ulimit', 'uselib'],
      ...['ustat', 'vserver'],
    ],
  },
];
