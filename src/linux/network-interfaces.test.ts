import { expect, test } from 'vitest';
import { parseNetworkInterfaces } from './network-interfaces.ts';

const TEXT = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     840      10    0    0    0     0          0         0      840      10    0    0    0     0       0          0
eth0.5:123456789012    20    1    2    0     0          0         3     4096      30    4    5    0     0       0          0
`;

test('every interface is told with what it received and sent, whatever its name has to do with the number behind it', () => {
  const interfaces = parseNetworkInterfaces(TEXT);
  expect([...interfaces.keys()]).toEqual(['lo', 'eth0.5']);
  expect(interfaces.get('lo')).toMatchObject({ receivedBytes: 840, sentPackets: 10 });
  expect(interfaces.get('eth0.5')).toEqual({
    ...{ receivedBytes: 123456789012, receivedPackets: 20, receiveErrors: 1, receiveDrops: 2 },
    ...{ sentBytes: 4096, sentPackets: 30, sendErrors: 4, sendDrops: 5 },
  });
});

test('a process that is gone has none', () => {
  expect(parseNetworkInterfaces('').size).toBe(0);
});
