import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { groupedContainer, HOST, HOST_V2, knobsOf } from '../isolator.fixture.ts';
import { cgroupsMisc } from './misc-resources.ts';

test.each([HOST, HOST_V2])('each resource has a line of its own, the same in both versions', (host) => {
  const misc = [
    { name: 'sev', limit: 2 },
    { name: 'sgx_epc', limit: 4096 },
  ];
  expect(knobsOf(cgroupsMisc, { misc }, { host })).toEqual(['misc.max=sev 2', 'misc.max=sgx_epc 4096']);
});

test('usage is told by name', async () => {
  const files = memoryFiles({ '/cg/misc/misc.current': 'sev 1\nsev_es 0\n' });
  expect(await cgroupsMisc({ files }).usage?.(groupedContainer(2))).toEqual({ 'misc.sev': 1, 'misc.sev_es': 0 });
});
