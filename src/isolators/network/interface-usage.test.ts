import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { briefOf, isolatedContainer } from '../isolator.fixture.ts';
import { networkNone } from './none.ts';

const HEADINGS = 'Inter-|   Receive   |  Transmit\n face |bytes packets|bytes packets\n';
const LOOPBACK = '    lo: 840 10 0 0 0 0 0 0 840 10 0 0 0 0 0 0\n';
const ETHERNET = '  eth0: 1000 2 3 4 0 0 0 0 500 5 6 7 0 0 0 0\n';

test('each interface is told, and the sum leaves the loopback out', async () => {
  const files = memoryFiles({ '/proc/7/net/dev': `${HEADINGS}${LOOPBACK}${ETHERNET}` });
  const isolator = networkNone({ files });
  const container = { ...isolatedContainer(), pid: 7 };
  const values = await isolator.usage?.(container);
  expect(values).toMatchObject({
    ...{ networkReceivedBytes: 1000, networkSentBytes: 500 },
    ...{ 'network.lo.receivedBytes': 840, 'network.lo.sentPackets': 10 },
    ...{ 'network.eth0.receivedPackets': 2, 'network.eth0.receiveErrors': 3, 'network.eth0.receiveDrops': 4 },
    ...{ 'network.eth0.sentBytes': 500, 'network.eth0.sendErrors': 6, 'network.eth0.sendDrops': 7 },
  });
  expect(await briefOf(isolator, files, container)).toEqual({ values, fileCount: 1 });
});

test('a container that has ended says nothing', async () => {
  const isolator = networkNone({ files: memoryFiles({}) });
  expect(await isolator.usage?.({ ...isolatedContainer(), pid: 7 })).toEqual({});
  expect(await isolator.usage?.(isolatedContainer())).toEqual({});
});
