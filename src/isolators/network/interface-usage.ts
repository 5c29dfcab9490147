import type { Files } from '../../base/effects.ts';
import { type KernelFile, readKernelFile } from '../../linux/kernel-files.ts';
import { LOOPBACK, parseNetworkInterfaces } from '../../linux/network-interfaces.ts';
import type { BriefUsage, IsolatedContainer, Isolator, UsageValues } from '../isolator.ts';

/**
 * `usage` of an isolator that gives a container a network namespace of its own: `networkReceivedBytes` and
 * `networkSentBytes` over all interfaces but the loopback, as Docker counts, and of each interface, the loopback too,
 * `network.<interface>.<figure>` by the names of `InterfaceCounts`.
 */
export function interfaceUsage(files: Files): Required<Pick<Isolator, 'usage' | 'brief'>> {
  const brief: BriefUsage = {
    subject: 'network',
    files: interfaceFiles,
    values: (_container, [text = '']) => interfaceValues(text),
  };
  return {
    brief,
    usage: async (container) => {
      const [file] = interfaceFiles(container);
      return file === undefined ? {} : interfaceValues(await readKernelFile(files, `${file.directory}/${file.name}`));
    },
  };
}

/** By its first process: the namespace has no other name. */
function interfaceFiles({ pid }: IsolatedContainer): readonly KernelFile[] {
  return pid === undefined ? [] : [{ directory: '/proc', name: `${pid}/net/dev` }];
}

function interfaceValues(text: string): UsageValues {
  const interfaces = parseNetworkInterfaces(text);
  if (interfaces.size === 0) return {};
  const values: Record<string, number> = { networkReceivedBytes: 0, networkSentBytes: 0 };
  for (const [name, counts] of interfaces) {
    if (name !== LOOPBACK) {
      values.networkReceivedBytes = (values.networkReceivedBytes ?? 0) + counts.receivedBytes;
      values.networkSentBytes = (values.networkSentBytes ?? 0) + counts.sentBytes;
    }
    for (const [figure, count] of Object.entries(counts)) values[`network.${name}.${figure}`] = count;
  }
  return values;
}
