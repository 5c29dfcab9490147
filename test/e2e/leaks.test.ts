import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InspectedAgent } from '../support/inspected-agent.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

const lacks = existsSync('/bin/busybox') ? '' : ' (lacks busybox-static)';
const SEQUENTIAL = 500;
const AT_ONCE = 50;
/** The engine keeps the ends of the last 1024 removed containers. */
const REMEMBERED_ENDS = 1024;
/** Of the agent's heap, for all 585 launches together; V8 itself moves by half of this, whichever code it drops. */
const HEAP_GROWTH_BYTES = 1024 * 1024;
/** Two pages: what malloc and the stack may touch at other moments. */
const FORK_SERVER_GROWTH_KB = 8;

/** What must not grow. */
interface Footprint {
  readonly processes: readonly string[];
  readonly groups: readonly string[];
  readonly mounts: readonly string[];
  readonly files: readonly string[];
  readonly agentDescriptors: number;
  readonly forkServerDescriptors: number;
  readonly complaints: string;
}

let isopod: IsopodHost;
let agent: InspectedAgent;
let image: { readonly kind: 'image'; readonly reference: string };

describe.skipIf(lacks !== '')(`launches leave nothing behind${lacks}`, () => {
  beforeAll(async () => {
    isopod = await IsopodHost.make();
    image = { kind: 'image', reference: isopod.busyboxImage() };
    await isopod.expect(['help']);
    agent = await InspectedAgent.start(isopod);
    // Everything once, so that pools, caches and compiled code are there; and the ends of so many are remembered.
    await oneAfterTheOther(SEQUENTIAL / 5);
    for (let launched = 0; launched < REMEMBERED_ENDS; launched += AT_ONCE) await allAtOnce();
    await badOnes();
    await byCommandLine();
    await settled();
  });
  afterAll(async () => {
    agent?.close();
    await isopod?.close();
  });

  test(`${SEQUENTIAL} in sequence, ${AT_ONCE} at once, refused ones, and some by the command line`, async () => {
    const before = footprint();
    const heapBefore = await agent.heapBytes();
    const forkServerBefore = privateKilobytes(isopod.forkServer() ?? 0);
    await oneAfterTheOther(SEQUENTIAL);
    await allAtOnce();
    await badOnes();
    await byCommandLine();
    await settled();
    await until('no more descriptors are open than before', () => {
      const { agentDescriptors, forkServerDescriptors } = footprint();
      return agentDescriptors <= before.agentDescriptors && forkServerDescriptors <= before.forkServerDescriptors;
    }).catch(() => expect(footprint()).toEqual(before));
    const { agentDescriptors: _agent, forkServerDescriptors: _forkServer, ...after } = footprint();
    expect(before).toMatchObject(after);
    expect((await agent.heapBytes()) - heapBefore).toBeLessThan(HEAP_GROWTH_BYTES);
    expect(privateKilobytes(isopod.forkServer() ?? 0) - forkServerBefore).toBeLessThanOrEqual(FORK_SERVER_GROWTH_KB);
  }, 240_000);
});

/** Most go with their end; every tenth is kept, waited for and removed. */
async function oneAfterTheOther(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    const isKept = number % 10 === 0;
    const command = ['sh', '-c', `exit ${number % 7}`];
    const { status } = await isopod.launch({ rootfs: image, command, autoRemove: !isKept });
    if (!isKept) continue;
    expect((await isopod.wait(status.uid)).exitStatus).toEqual({ kind: 'exited', code: number % 7 });
    await isopod.api.expect('DELETE', `/v1/containers/${status.uid}`);
  }
}

async function allAtOnce(): Promise<void> {
  const launches = Array.from({ length: AT_ONCE }, async (_value, number) => {
    const { status } = await isopod.launch({ rootfs: image, command: ['sh', '-c', `exit ${number}`] });
    const { exitStatus } = await isopod.wait(status.uid);
    await isopod.api.expect('DELETE', `/v1/containers/${status.uid}`);
    return exitStatus;
  });
  const codes = Array.from({ length: AT_ONCE }, (_value, code) => ({ kind: 'exited', code }));
  expect(await Promise.all(launches)).toEqual(codes);
}

/** Launches that fail at different depths: before the plan, at a step, at exec. */
async function badOnes(): Promise<void> {
  const bad = [
    { command: ['/no/such'] },
    { command: ['/etc/passwd'] },
    { command: ['true'], user: 'nobody-knows' },
    { command: ['true'], volumes: [{ kind: 'host-path', hostPath: '/no/such', containerPath: '/x', readOnly: true }] },
    { command: ['true'], isolation: ['namespaces/ipc'] },
    { command: ['true'], rootfs: { kind: 'image', reference: 'nobody/has:this' }, pull: 'never' },
  ];
  const requests = Array.from({ length: 5 }, () => bad).flat();
  const answers = await Promise.all(
    requests.map((request) => isopod.api.call('POST', '/v1/containers', { rootfs: image, ...request })),
  );
  expect(answers.filter(({ status }) => status < 400)).toEqual([]);
}

async function byCommandLine(): Promise<void> {
  for (let number = 0; number < 5; number += 1) {
    const words = ['run', '--rm', image.reference, 'echo', `number ${number}`];
    expect(await isopod.expect(words)).toBe(`number ${number}`);
  }
}

async function settled(): Promise<void> {
  await until('nothing is left of any container', () => isopod.containerRemains().length === 0).catch(() =>
    expect(isopod.containerRemains()).toEqual([]),
  );
  isopod.api.close();
}

function footprint(): Footprint {
  const { groups, mounts, files } = isopod.view.snapshot();
  return {
    processes: isopod.view.processes().map(({ command }) => command),
    groups,
    mounts,
    files,
    agentDescriptors: descriptors(agent.process.pid ?? 0),
    forkServerDescriptors: descriptors(isopod.forkServer() ?? 0),
    complaints: readFileSync(join(isopod.state, 'helper.log'), 'utf8'),
  };
}

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Memory that is this process's alone (proc_pid_smaps(5)). */
function privateKilobytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(text)?.[1]);
}
