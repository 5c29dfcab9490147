import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { UndoStack } from '../../base/undo-stack.ts';
import type { HooksRequest } from '../../model/hooks.ts';
import type { Step } from '../../model/wire.ts';
import { isolatedContainer, planInput, prepareAndPlan } from '../isolator.fixture.ts';
import { runtimeHooks } from './hooks.ts';

const file = (fields: object): string =>
  JSON.stringify({
    version: '1.0.0',
    hook: { path: '/bin/x' },
    when: { always: true },
    stages: ['prestart'],
    ...fields,
  });

function made(tree: Readonly<Record<string, string>> = {}, directory?: string) {
  const files = memoryFiles(tree);
  const steps: Step[] = [];
  const runHostSteps = async (list: readonly Step[]): Promise<void> => {
    steps.push(...list);
  };
  return { files, steps, isolator: runtimeHooks({ files, runHostSteps }, directory) };
}

const planned = (hooks: HooksRequest) => prepareAndPlan(made().isolator, planInput({ hooks }));

describe('hooks of a container', () => {
  test('are planned with what they say, and nothing of the image', async () => {
    const hook = { path: '/bin/hook', args: ['hook', 'x'], env: ['A=b'], timeout: 3 };
    const { hooks } = await planned({ createRuntime: [hook], startContainer: [{ path: '/in' }] });
    expect(hooks?.createRuntime).toMatchObject([
      { path: '/bin/hook', arguments: ['hook', 'x'], environment: ['A=b'], timeoutMs: 3000 },
    ]);
    expect(hooks?.startContainer).toMatchObject([{ arguments: ['/in'], environment: [], timeoutMs: 10_000 }]);
  });

  test('read a state that is JSON around the pid', async () => {
    const labels = { a: 'b' };
    const { hooks } = await prepareAndPlan(
      made().isolator,
      planInput({ labels, hooks: { startContainer: [{ path: '/in' }] } }),
    );
    const state = hooks?.startContainer?.[0]?.state;
    expect(JSON.parse(`${state?.before}42${state?.after}`)).toEqual({
      ...{ ociVersion: '1.2.0', id: '0123456789ab', status: 'created', pid: 42, annotations: labels },
      bundle: '/var/lib/isopod/containers/0123456789ab',
    });
  });

  test('after the start and at the end are run by a worker, the latter once', async () => {
    const { isolator, steps } = made();
    const { runtimeDir } = isolatedContainer();
    const input = {
      ...planInput({ hooks: { poststart: [{ path: '/up' }], poststop: [{ path: '/down' }] } }),
      runtimeDir,
    };
    await prepareAndPlan(isolator, input);
    await isolator.started?.({ ...isolatedContainer(), pid: 7 });
    await isolator.cleanup?.(isolatedContainer());
    await isolator.cleanup?.(isolatedContainer());
    expect(steps.map(({ values }) => values.name)).toEqual(['poststart hook /up', 'poststop hook /down']);
    const states = steps.map(({ values }) => JSON.parse(Buffer.from(values.before as Uint8Array).toString()));
    expect(states).toMatchObject([{ status: 'running', pid: 7 }, { status: 'stopped' }]);
  });

  test('of which one fails at the end do not keep the others from running', async () => {
    const files = memoryFiles({});
    const ran: unknown[] = [];
    const runHostSteps = async ([step]: readonly Step[]): Promise<void> => {
      ran.push(step?.values.path);
      throw new Error(`refused ${String(step?.values.path)}`);
    };
    const isolator = runtimeHooks({ files, runHostSteps });
    const { runtimeDir } = isolatedContainer();
    const hooks = { poststop: [{ path: '/one' }, { path: '/two' }] };
    await isolator.prepare?.({ ...planInput({ hooks }), runtimeDir }, new UndoStack());
    await expect(isolator.cleanup?.(isolatedContainer())).rejects.toThrow('refused /one');
    expect(ran).toEqual(['/one', '/two']);
    await expect(isolator.cleanup?.(isolatedContainer())).resolves.toBeUndefined();
  });

  test.each([
    [{ prestart: [{ path: 'relative' }] }, 'relative'],
    [{ prestart: [{ path: '/x', timeout: 0 }] }, 'the timeout of hook /x is 0 seconds'],
    [{ prestart: [{ path: '/x', env: ['A'] }] }, '"A" in the environment of hook /x'],
    [{ prestart: Array.from({ length: 65 }, () => ({ path: '/x' })) }, '65 hooks'],
  ])('that make no sense are refused', async (hooks, message) => {
    await expect(async () => planned(hooks)).rejects.toThrow(message);
  });
});

describe("hooks of the agent's directory", () => {
  const paths = async (fields: object, request: Parameters<typeof planInput>[0] = {}) => {
    const { isolator } = made({ '/hooks.d/a.json': file(fields), '/hooks.d/readme': 'no hook' }, '/hooks.d');
    const { hooks } = await prepareAndPlan(isolator, planInput(request));
    return hooks?.prestart?.map(({ path }) => path) ?? [];
  };
  const volume = { kind: 'host-path', hostPath: '/d', containerPath: '/d', readOnly: true } as const;

  test.each([
    [{ always: true }, {}, true],
    [{ always: false }, {}, false],
    [{}, {}, false],
    [{ annotations: { '^gpu$': '^y' } }, { labels: { gpu: 'yes' } }, true],
    [{ annotations: { '^gpu$': '^y' } }, { labels: { gpu: 'no' } }, false],
    [{ commands: ['^bash$'] }, {}, true],
    [{ commands: ['^sh$'] }, {}, false],
    [{ commands: ['sh$'] }, { entrypoint: ['/bin/dash'] }, true],
    [{ hasBindMounts: true }, {}, false],
    [{ hasBindMounts: true }, { volumes: [volume] }, true],
    [{ always: true, commands: ['^sh$'] }, {}, false],
  ])('with the conditions %j and a container of %j match: %s', async (when, request, matches) => {
    expect(await paths({ when }, request)).toEqual(matches ? ['/bin/x'] : []);
  });

  test("come before the container's own", async () => {
    expect(await paths({}, { hooks: { prestart: [{ path: '/own' }] } })).toEqual(['/bin/x', '/own']);
  });

  test.each([
    [{ version: '0.1.0' }, 'version "0.1.0" is not'],
    [{ stages: ['prestop'] }, 'stage prestop is not one of'],
    [{ stages: [] }, 'stages are missing'],
    [{ hook: { path: 'x' } }, 'path of a hook'],
    [{ hook: { path: '/x', arguments: [] } }, 'arguments of hook is not one of'],
    [{ when: { never: true } }, 'never of when is not one of'],
    [{ when: { commands: ['('] } }, 'Invalid regular expression'],
    [{ colour: 'red' }, 'colour of the file is not one of'],
  ])('with %j are refused by the name of the file', async (fields, message) => {
    await expect(paths(fields)).rejects.toThrow(message);
    await expect(paths(fields)).rejects.toThrow('hook file /hooks.d/a.json');
  });
});
