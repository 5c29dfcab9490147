import { defineErrors } from './error.ts';
import { checkText } from './text-check.ts';

export const sysctlErrors = defineErrors('sysctl', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { name: string }) =>
      `kernel parameter ${JSON.stringify(d.name)} is not words of letters, digits, dashes and underscores joined by dots`,
    remedy: () => 'write it as sysctl(8) does, for example net.ipv4.ip_forward',
  },
  badValue: {
    kind: 'invalid-argument',
    message: (d: { name: string; value: string }) =>
      `value ${JSON.stringify(d.value)} of kernel parameter ${d.name} is not one line of text`,
    remedy: () => 'numbers that belong together are joined by spaces or tabs',
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { count: number; most: number }) => `${d.count} kernel parameters, and at most ${d.most} are allowed`,
  },
});

const MOST = 100;
const MOST_VALUE_BYTES = 4095;
/** The kernel reads a value up to a line end and passes over the rest, so there must be none. */
const ONE_LINE = /^[^\p{Cc}]*(\t[^\p{Cc}]*)*$/u;
/** One component of a path below /proc/sys. `/` stands for a dot within one: a VLAN's `net.ipv4.conf.eth0/100.x`. */
const WORD = /^[a-zA-Z0-9_-]+(\/[a-zA-Z0-9_-]+)*$/;

/**
 * Checks names and values as texts; which parameters a container may have is the isolator's to say.
 *
 * @throws {EngineError} `sysctl.malformed`, `sysctl.badValue`, `sysctl.tooMany`, `text.*` (invalid-argument)
 */
export function checkSysctls(sysctls: Readonly<Record<string, string>>): void {
  const entries = Object.entries(sysctls);
  if (entries.length > MOST) throw sysctlErrors.tooMany({ count: entries.length, most: MOST });
  for (const [name, value] of entries) {
    const words = name.split('.');
    if (words.length < 2 || !words.every((word) => WORD.test(word))) throw sysctlErrors.malformed({ name });
    checkText(`kernel parameter ${name}`, value, MOST_VALUE_BYTES);
    if (!ONE_LINE.test(value)) throw sysctlErrors.badValue({ name, value });
  }
}

/** `net.ipv4.conf.eth0/100.forwarding` → `net/ipv4/conf/eth0.100/forwarding`, below /proc/sys. */
export function sysctlPath(name: string): string {
  return name
    .split('.')
    .map((word) => word.replaceAll('/', '.'))
    .join('/');
}
