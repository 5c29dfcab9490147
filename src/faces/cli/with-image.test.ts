import { expect, test } from 'vitest';
import { defineErrors } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import type { CliContext } from './context.ts';
import { withImage } from './run-command.ts';

const errors = defineErrors('engine', {
  imageMissing: { kind: 'not-found', message: (d: { reference: string }) => `${d.reference} is not here` },
});
const BODY = { rootfs: { kind: 'image', reference: 'oci:/app' } };

/** An agent whose image is removed so often before it is launched. */
function launchWhere(removals: number, pull: 'missing' | 'always' | 'never') {
  const done: string[] = [];
  const client = {
    lines: async function* () {
      done.push('pull');
      yield { image: { id: 'sha256:1', references: [] } };
    },
  } as unknown as AgentClient;
  const context = { env: {}, stderr: { write: () => true } } as unknown as CliContext;
  const send = async (): Promise<string> => {
    done.push('launch');
    if (done.filter((what) => what === 'launch').length <= removals)
      throw errors.imageMissing({ reference: 'oci:/app' });
    return 'runs';
  };
  return { done, result: withImage(context, client, { body: BODY, options: { pull }, send }) };
}

test.each(['missing', 'always'] as const)(
  'an image that is removed after its pull is pulled again (%s)',
  async (pull) => {
    const { done, result } = launchWhere(2, pull);
    expect(await result).toBe('runs');
    expect(done.slice(pull === 'always' ? 1 : 0)).toEqual(['launch', 'pull', 'launch', 'pull', 'launch']);
  },
);

test('an image that is removed each time is told as that in the end', async () => {
  const { done, result } = launchWhere(9, 'missing');
  await expect(result).rejects.toMatchObject({ code: 'cli.imageGone', details: { reference: 'oci:/app', times: 3 } });
  expect(done).toHaveLength(7);
});

test('nothing is pulled for who wants that', async () => {
  const { done, result } = launchWhere(1, 'never');
  await expect(result).rejects.toMatchObject({ code: 'engine.imageMissing' });
  expect(done).toEqual(['launch']);
});
