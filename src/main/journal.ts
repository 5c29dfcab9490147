import type { Files } from '../base/effects.ts';

/** Priorities of syslog(3) by the level of a line, the lowest of each. */
const PRIORITIES = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
] as const;
const DEBUG = 7;

/** Whether our stderr is a stream of systemd's journal: JOURNAL_STREAM names it, see systemd.exec(5), and whoever redirected it keeps the variable. */
export async function isJournal(
  files: Pick<Files, 'readLink'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const inode = /^\d+:(\d+)$/.exec(env.JOURNAL_STREAM ?? '')?.[1];
  return inode !== undefined && (await files.readLink('/proc/self/fd/2')) === `socket:[${inode}]`;
}

/** A line of our log as the journal takes it: its priority first, see sd-daemon(3). Pure. */
export function journalLine(line: string): string {
  const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 0);
  return `<${PRIORITIES.find(([least]) => level >= least)?.[1] ?? DEBUG}>${line}`;
}
