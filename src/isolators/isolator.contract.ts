import { describe, expect, test } from 'vitest';
import { type MemoryFiles, memoryFiles } from '../base/memory-files.fixture.ts';
import { UndoStack } from '../base/undo-stack.ts';
import { groupedContainer, isolatedContainer, prepareAndPlan } from './isolator.fixture.ts';
import type { Isolator, PlanInput } from './isolator.ts';

/** What they say of a container that has nothing of them: nothing. */
const SILENT_HOOKS = ['started', 'measure', 'limitation', 'recover'] as const;

/** What every isolator must do, whatever it isolates. */
export function isolatorContract(
  make: (effects: { files: ReturnType<typeof memoryFiles> }) => Isolator,
  input: PlanInput,
): void {
  const withFiles = (): { readonly isolator: Isolator; readonly files: MemoryFiles } => {
    const devices = ['dev/block/8:0/size', 'class/infiniband/mlx5_0/x', 'class/net/eth0/x'];
    const system = Object.fromEntries(devices.map((path) => [`/sys/${path}`, '1']));
    const files = memoryFiles({ '/etc/hosts': '127.0.0.1 localhost\n', '/data/file': 'x', ...system });
    return { isolator: make({ files }), files };
  };

  describe(`the contract of ${withFiles().isolator.name}`, () => {
    test('its name is a folder and a word, or a word', () => {
      expect(withFiles().isolator.name).toMatch(/^([a-z]+\/)?[a-z_]+$/);
    });

    test('plan is pure: a frozen input gives the same contribution again', () => {
      const { isolator } = withFiles();
      const frozen = deepFreeze(structuredClone(input));
      expect(isolator.plan(frozen)).toEqual(isolator.plan(frozen));
    });

    test('the bounds of an update are those of the plan, and whoever has knobs has it', async () => {
      const { isolator } = withFiles();
      const { cgroup } = await prepareAndPlan(isolator, input);
      if (isolator.update === undefined) expect(cgroup?.knobs ?? []).toEqual([]);
      else expect(await isolator.update(deepFreeze(structuredClone(input)))).toEqual({ cgroup });
    });

    test('another uid gives the same contribution with that uid in its stead', async () => {
      const other = 'fedcba987654';
      const renamed = <Value>(value: Value): Value =>
        JSON.parse(JSON.stringify(value).replaceAll(input.uid, other)) as Value;
      const contribution = await prepareAndPlan(withFiles().isolator, input);
      expect(await prepareAndPlan(withFiles().isolator, renamed(input))).toEqual(renamed(contribution));
    });

    test('a contribution is plain data', async () => {
      const contribution = await prepareAndPlan(withFiles().isolator, input);
      expect(JSON.parse(JSON.stringify(contribution))).toEqual(contribution);
    });

    test('what prepare made is gone after its undo', async () => {
      const { isolator, files } = withFiles();
      const before = new Map(files.texts);
      const undo = new UndoStack();
      await isolator.prepare?.(input, undo);
      expect(await undo.unwind()).toEqual([]);
      expect(files.texts).toEqual(before);
    });

    hooksContract(() => withFiles().isolator);
  });
}

/** Of hooks that meet a container of which nothing is there, or nothing any more. */
function hooksContract(make: () => Isolator): void {
  test('the hooks of a container that has nothing of it resolve and do nothing, twice', async () => {
    const isolator = make();
    for (const container of [isolatedContainer(), isolatedContainer()]) {
      for (const hook of SILENT_HOOKS) expect(await isolator[hook]?.(container), hook).toBeUndefined();
      expect((await isolator.usage?.(container)) ?? {}).toEqual({});
      expect(isolator.brief?.files(container) ?? []).toEqual([]);
      expect(isolator.brief?.values(container, []) ?? {}).toEqual({});
      expect(await isolator.cleanup?.(container)).toBeUndefined();
    }
  });

  test('the hooks of groups that are gone already do so too', async () => {
    const isolator = make();
    for (const version of [1, 2] as const) {
      const container = groupedContainer(version);
      expect(await isolator.limitation?.(container)).toBeUndefined();
      await expect(Promise.resolve(isolator.usage?.(container))).resolves.not.toThrow();
      const none = (isolator.brief?.files(container) ?? []).map(() => '');
      expect(() => isolator.brief?.values(container, none)).not.toThrow();
    }
  });
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
