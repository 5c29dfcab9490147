import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Image } from '../../../model/image-config.ts';
import { fakeEngine } from '../fake-engine.fixture.ts';
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
  const removed: string[] = [];
  const images = ['a', 'b'].map((digit, index) => ({
    id: `sha256:${digit.repeat(64)}`,
    references: [`docker.io/library/image${index}:latest`],
  }));
  agent.server.serve(
    fakeEngine({
      listImages: async () => images as unknown as readonly Image[],
      removeImage: async (id) => {
        removed.push(id);
        return { untagged: [], deleted: [id] };
      },
    }),
  );
  const excluded = [{ type: 'DOCKER', docker: { name: 'image0' } }];
  const answer = await agent.call('PRUNE_IMAGES', { excluded_images: excluded });
  expect([answer.status, answer.text, removed]).toEqual([200, '', [images[1]?.id]]);
  expect((await agent.call('PRUNE_IMAGES', { excluded_images: [{ docker: {} }] })).status).toBe(400);
});

test('a launch of what is not there yet is no call of ours, as any other', async () => {
  agent.server.serve(fakeEngine({}));
  for (const type of ['LAUNCH_GROUP', 'GET_AGENT', 'toString'])
    expect([type, (await agent.call(type)).status]).toEqual([type, 501]);
});
