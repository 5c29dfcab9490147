/** Calls of the default profile that every container may make, by what they are for, and why that is fine. */
export interface CallGroup {
  /** As the security report prints it. */
  readonly name: string;
  readonly reason: string;
  readonly calls: readonly string[];
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const ALLOWED_GROUPS: readonly CallGroup[] = [
  {
    name: 'files',
    reason: 'paths and descriptors of its own mount namespace; permissions, mounts and devices decide what is reached',
    calls: words(`
      _llseek access cachestat chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat
      faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
      fdatasync fgetxattr file_getattr file_setattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs
      fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat ioctl lchown lchown32
      lgetxattr link linkat listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod
      mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
      readahead readdir readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile
      sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
      sync_file_range2 syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes write
      writev arm_fadvise64_64 arm_sync_file_range`),
  },
  {
    name: 'mount information',
    reason: 'tells of its own mount namespace what /proc/self/mountinfo tells',
    calls: words('listmount statmount'),
  },
  {
    name: 'waiting for files',
    reason: 'poll, epoll, inotify and event descriptors bring no rights',
    calls: words(`
      _newselect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 fanotify_mark
      inotify_add_watch inotify_init inotify_init1 inotify_rm_watch pipe pipe2 poll ppoll ppoll_time64 pselect6
      pselect6_time64 select signalfd signalfd4`),
  },
  {
    name: 'memory',
    reason: 'its own address space; limits are those of its cgroup',
    calls: words(`
      brk get_mempolicy madvise map_shadow_stack mbind membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall
      mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages
      set_mempolicy`),
  },
  {
    name: 'processes',
    reason: 'processes of its own pid namespace, without new namespaces',
    calls: words(`
      execve execveat exit exit_group fork getpgid getpgrp getpid getppid getsid gettid kill pidfd_open
      pidfd_send_signal prctl process_mrelease restart_syscall setpgid setsid tgkill tkill vfork wait4 waitid waitpid`),
  },
  {
    name: 'debugging',
    reason: 'since Linux 4.8 a filter sees the call that a tracer has changed, so that tracing is no way around it',
    calls: words('process_vm_readv process_vm_writev ptrace'),
  },
  {
    name: 'threads and signals',
    reason: 'what every threaded program needs',
    calls: words(`
      alarm arch_prctl breakpoint cacheflush futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake
      get_robust_list get_thread_area get_tls getitimer pause rseq rseq_slice_yield rt_sigaction rt_sigpending
      rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
      set_robust_list set_thread_area set_tid_address set_tls setitimer sgetmask sigaction sigaltstack signal sigpending
      sigprocmask sigreturn sigsuspend ssetmask uprobe uretprobe`),
  },
  {
    name: 'users and capabilities',
    reason: 'no call gives a right that the capabilities do not; no_new_privs keeps exec from doing so',
    calls: words(`
      capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
      getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
      setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`),
  },
  {
    name: 'time and timers',
    reason: 'reading clocks and timers; what sets a clock needs a capability',
    calls: words(`
      adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
      clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete timer_getoverrun
      timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
      timerfd_settime timerfd_settime64 times`),
  },
  {
    name: 'scheduling and limits',
    reason: 'bounded by its cgroup and its resource limits',
    calls: words(`
      getcpu getpriority getrlimit getrusage ioprio_get ioprio_set nice prlimit64 sched_get_priority_max
      sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
      sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
      setpriority setrlimit ugetrlimit`),
  },
  {
    name: 'sockets in use',
    reason: 'work on a socket that is there; which ones can be made is decided by their family',
    calls: words(`
      accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
      recvmsg send sendmmsg sendmsg sendto setsockopt shutdown`),
  },
  {
    name: 'System V and POSIX IPC',
    reason: 'objects of its own ipc namespace',
    calls: words(`
      ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
      mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`),
  },
  {
    name: 'asynchronous reads and writes',
    reason: 'the old interface (libaio), which databases use; io_uring is refused',
    calls: words('io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit'),
  },
  {
    name: 'confining itself',
    reason: 'takes rights away only',
    calls: words('landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp'),
  },
  {
    name: 'system information',
    reason: 'reads what is known anyway',
    calls: words('getrandom lsm_get_self_attr lsm_list_modules sysinfo uname'),
  },
];
