/** What went through one network interface, as the kernel counts since it was made. */
export interface InterfaceCounts {
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly receiveErrors: number;
  readonly receiveDrops: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly sendErrors: number;
  readonly sendDrops: number;
}

/** The interface by which a network namespace reaches itself. */
export const LOOPBACK = 'lo';

/** Columns of /proc/PID/net/dev after the name: eight of what was received, eight of what was sent (net/core/net-procfs.c). */
const COLUMNS = 16;

/** Parses /proc/PID/net/dev: the interfaces of the network namespace of a process, by name. */
export function parseNetworkInterfaces(text: string): ReadonlyMap<string, InterfaceCounts> {
  const interfaces = new Map<string, InterfaceCounts>();
  for (const line of text.split('\n')) {
    // A name has neither colon nor white space (net/core/dev.c, dev_valid_name); the two lines of headings have no numbers.
    const colon = line.indexOf(':');
    const numbers =
      colon < 0
        ? []
        : line
            .slice(colon + 1)
            .trim()
            .split(/\s+/)
            .map(Number);
    if (numbers.length !== COLUMNS) continue;
    const [receivedBytes = 0, receivedPackets = 0, receiveErrors = 0, receiveDrops = 0] = numbers;
    const [sentBytes = 0, sentPackets = 0, sendErrors = 0, sendDrops = 0] = numbers.slice(COLUMNS / 2);
    interfaces.set(line.slice(0, colon).trim(), {
      ...{ receivedBytes, receivedPackets, receiveErrors, receiveDrops },
      ...{ sentBytes, sentPackets, sendErrors, sendDrops },
    });
  }
  return interfaces;
}
