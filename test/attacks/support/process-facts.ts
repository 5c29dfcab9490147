import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Lines of /proc/PID/status that say what a process may do (proc_pid_status(5)). */
const STATUS = [
  ...['Uid', 'Gid', 'Groups', 'Umask', 'NoNewPrivs', 'Seccomp', 'Seccomp_filters', 'Speculation_Store_Bypass'],
  ...[
    'CapInh',
    'CapPrm',
    'CapEff',
    'CapBnd',
    'CapAmb',
    'Cpus_allowed',
    'Mems_allowed',
    'THP_enabled',
    'SpeculationIndirectBranch',
  ],
];
/** Fields of /proc/PID/stat (proc_pid_stat(5)): priority, nice, rt_priority, policy. */
const STAT = { priority: 18, nice: 19, rtPriority: 40, policy: 41 } as const;
const FILES = ['cgroup', 'limits', 'oom_score_adj', 'personality', 'timerslack_ns', 'coredump_filter'];
/** Of the security modules that a kernel may have; a file that is not there is no fact. */
const LABELS = ['attr/current', 'attr/exec', 'attr/apparmor/current', 'attr/smack/current'];

/** What the host sees of what a process may do, by name; two processes with the same rights have the same facts. */
export function processFacts(pid: number): Readonly<Record<string, string>> {
  const facts: Record<string, string> = {};
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  for (const name of STATUS) facts[name] = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? 'none';
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in the second field may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  for (const [name, number] of Object.entries(STAT)) facts[name] = fields[number - 3] ?? '';
  for (const file of FILES) facts[file] = readFileSync(`/proc/${pid}/${file}`, 'utf8').trim();
  for (const file of LABELS) facts[file] = readIfThere(`/proc/${pid}/${file}`);
  for (const name of readdirSync(`/proc/${pid}/ns`)) facts[`ns/${name}`] = readlinkSync(`/proc/${pid}/ns/${name}`);
  facts.root = readlinkSync(`/proc/${pid}/root`);
  facts.policyOfMemory = readFileSync(`/proc/${pid}/numa_maps`, 'utf8').split('\n')[0]?.split(' ')[1] ?? '';
  return facts;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'none';
  }
}
