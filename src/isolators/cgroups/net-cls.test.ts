import { expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import { parseContainerUid } from '../../model/container-id.ts';
import { groupedContainer, HOST_V2, knobsOf, planInput } from '../isolator.fixture.ts';
import type { Isolator } from '../isolator.ts';
import { cgroupsNetCls } from './net-cls.ts';

const RANGE = { major: 0x10, first: 1, last: 3 };
const FILES = memoryFiles({ '/cg/net_cls/net_cls.classid': `${0x10_0002}\n` });
const uidOf = (number: number) => parseContainerUid(`${number}`.padStart(12, '0'));
const make = (range: typeof RANGE = RANGE) => cgroupsNetCls({ files: FILES }, range);
const withoutRange = () => cgroupsNetCls({ files: FILES }, undefined);

/** Prepares a container that asks for a class, and returns the class. */
async function take(isolator: Isolator, number: number, undo = new UndoStack(), netClassId: number | 'auto' = 'auto') {
  const input = planInput({ resources: { netClassId } }, { uid: uidOf(number) });
  const prepared = (await isolator.prepare?.(input, undo)) ?? {};
  return Number(isolator.plan({ ...input, prepared }).cgroup?.knobs[0]?.value);
}

test('a class that the caller names is taken as it is', () => {
  expect(knobsOf(withoutRange, { netClassId: 0x10_0001 })).toEqual([`net_cls.classid=${0x10_0001}`]);
});

test('classes are given out one after the other, until none is left', async () => {
  const isolator = make();
  expect([await take(isolator, 1), await take(isolator, 2), await take(isolator, 3)]).toEqual([
    ...[0x10_0001, 0x10_0002, 0x10_0003],
  ]);
  await expect(take(isolator, 4)).rejects.toThrow('all 3 network classes of the agent are in use');
});

test('a class is free again when its container is cleaned up, and when its launch is taken back', async () => {
  const isolator = make();
  const undo = new UndoStack();
  await take(isolator, 1);
  await take(isolator, 2, undo);
  await take(isolator, 3);
  await undo.unwind();
  expect(await take(isolator, 4)).toBe(0x10_0002);
  await isolator.cleanup?.({ ...groupedContainer(1), uid: uidOf(1) });
  expect(await take(isolator, 5)).toBe(0x10_0001);
});

test('what was just given back is not the next to be given out', async () => {
  const isolator = make();
  await take(isolator, 1);
  await isolator.cleanup?.({ ...groupedContainer(1), uid: uidOf(1) });
  expect(await take(isolator, 2)).toBe(0x10_0002);
});

test('the class of a container of an earlier engine is not given out again, nor one that a caller named', async () => {
  const isolator = make();
  await isolator.recover?.({ ...groupedContainer(1, { netClassId: 'auto' }), uid: uidOf(1) });
  await take(isolator, 2, undefined, 0x10_0001);
  expect(await take(isolator, 3)).toBe(0x10_0003);
  await expect(take(isolator, 4)).rejects.toThrow('are in use');
});

test('an update keeps the class that the container has, and one that asks for the first time gets one', async () => {
  const isolator = make();
  const input = planInput({ resources: { netClassId: 'auto' } }, { uid: uidOf(1) });
  const knobs = [{ file: 'net_cls.classid', value: `${0x10_0001}` }];
  for (let times = 0; times < 2; times += 1) {
    expect(await isolator.update?.(input)).toEqual({ cgroup: { controller: 'net_cls', knobs } });
  }
  expect(await take(isolator, 2)).toBe(0x10_0002);
});

test('an agent that has no classes says how it gets some', async () => {
  await expect(take(withoutRange(), 1)).rejects.toMatchObject({
    code: 'cgroups.noNetClasses',
    remedy: expect.stringContaining('--net-cls-handles'),
  });
});

test('v2 has no such controller, and no class is lost by asking', async () => {
  const isolator = make({ ...RANGE, last: 1 });
  const input = planInput({ resources: { netClassId: 'auto' } }, { host: HOST_V2 });
  await isolator.prepare?.(input, new UndoStack());
  expect(() => isolator.plan(input)).toThrow('cgroups/net_cls needs the cgroup controller net_cls');
  expect(await take(isolator, 1)).toBe(0x10_0001);
});

test('usage says which class it is', async () => {
  expect(await make().usage?.(groupedContainer(1))).toEqual({ netClassId: 0x10_0002 });
});
