import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ImagePrunePolicy } from '../../../model/image-upkeep.ts';
import { fakeEngine, fakeUpkeep } from '../fake-engine.fixture.ts';
import { ServedAgent } from '../served-agent.fixture.ts';

let agent: ServedAgent;
beforeEach(async () => {
  agent = await ServedAgent.listen();
});
afterEach(() => agent.close());

test('the state has tasks, executors and frameworks, of which there are none', async () => {
  agent.server.serve(fakeEngine({}));
  const { get_state: state } = (await agent.call('GET_STATE')).json() as { get_state: Record<string, unknown> };
  expect(Object.keys(state)).toEqual(['get_tasks', 'get_executors', 'get_frameworks']);
  expect((await agent.call('GET_TASKS')).json()).toEqual({ type: 'GET_TASKS', get_tasks: state.get_tasks });
  expect((await agent.call('GET_FRAMEWORKS')).json()).toMatchObject({ get_frameworks: { frameworks: [] } });
});

test('images that nobody uses are pruned but for those that are excluded', async () => {
  const asked: ImagePrunePolicy[] = [];
  const pruneImages = async (policy: ImagePrunePolicy) => {
    asked.push(policy);
    return { untagged: [], deleted: [], partials: [], leftovers: [], reclaimedBytes: 0, heldBytes: 0 };
  };
  agent.server.serve(fakeEngine({ upkeep: { ...fakeUpkeep, pruneImages } }));
  const excluded = [{ type: 'DOCKER', docker: { name: 'image0' } }];
  const answer = await agent.call('PRUNE_IMAGES', { excluded_images: excluded });
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(asked).toEqual([{ all: true, excluded: ['image0'], labels: [], withoutLabels: [], dryRun: false }]);
  expect((await agent.call('PRUNE_IMAGES', { excluded_images: [{ docker: {} }] })).status).toBe(400);
});

test('a launch of what is not there yet is no call of ours, as any other', async () => {
  agent.server.serve(fakeEngine({}));
  for (const type of ['LAUNCH_GROUP', 'GET_AGENT', 'toString'])
    expect([type, (await agent.call(type)).status]).toEqual([type, 501]);
});

test('of containers only what statistics are made of is read', async () => {
  const asked: unknown[] = [];
  const stats = async (query: unknown) => {
    asked.push(query);
    return [];
  };
  agent.server.serve(fakeEngine({ list: async () => [], stats }));
  expect((await agent.call('GET_CONTAINERS')).status).toBe(200);
  expect(asked).toEqual([{ only: ['cpu', 'memory', 'processes'] }]);
});
