import { join } from 'node:path';
import type { Files } from '../../base/effects.ts';
import { defineErrors } from '../../model/error.ts';
import { HOOK_POINTS, type Hook, type HookPoint, type HooksConfig, parseHook } from '../../model/hooks.ts';

export const hookFileErrors = defineErrors('hook-files', {
  malformed: {
    kind: 'failed-precondition',
    message: (d: { path: string; reason: string }) => `hook file ${d.path} of the agent's --hooks-dir: ${d.reason}`,
    remedy: () => 'correct it or move it away; the format is that of oci-hooks(5), version 1.0.0',
  },
});

/** What of a container decides whether a hook is for it. */
export interface HookSubject {
  readonly labels: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly hasBindMounts: boolean;
}

/**
 * The hooks of a directory that are for this container: its `.json` files by name, as oci-hooks(5) of Podman has them. All conditions
 * of a file must hold, and it needs one; annotations are the container's labels.
 *
 * @throws {EngineError} `hook-files.malformed` (failed-precondition)
 */
export async function hooksFromFiles(files: Files, directory: string, subject: HookSubject): Promise<HooksConfig> {
  const names = (await files.list(directory)).filter((name) => name.endsWith('.json')).sort();
  const hooks: { [Point in HookPoint]?: HooksConfig[Point] } = {};
  for (const name of names) {
    const path = join(directory, name);
    const { hook, stages, matches } = parseFile(path, await files.readText(path));
    if (!matches(subject)) continue;
    for (const stage of stages) hooks[stage] = [...(hooks[stage] ?? []), hook];
  }
  return hooks;
}

interface HookFile {
  readonly hook: Hook;
  readonly stages: readonly HookPoint[];
  readonly matches: (subject: HookSubject) => boolean;
}

function parseFile(path: string, text: string): HookFile {
  try {
    const { version, hook, when, stages } = fieldsOf('the file', JSON.parse(text), [
      'version',
      'hook',
      'when',
      'stages',
    ]);
    if (version !== '1.0.0') throw new Error(`version ${JSON.stringify(version)} is not "1.0.0"`);
    const points = textsOf('stages', stages);
    if (points.length === 0) throw new Error('stages are missing');
    return { hook: hookOf(hook), stages: points.map(pointOf), matches: conditionsOf(when) };
  } catch (error) {
    throw hookFileErrors.malformed({ path, reason: error instanceof Error ? error.message : String(error) }, error);
  }
}

function pointOf(text: string): HookPoint {
  const point = HOOK_POINTS.find((one) => one === text);
  if (point === undefined) throw new Error(`stage ${text} is not one of ${HOOK_POINTS.join(', ')}`);
  return point;
}

function hookOf(value: unknown): Hook {
  const { path, args, env, timeout } = fieldsOf('hook', value, ['path', 'args', 'env', 'timeout']);
  if (typeof path !== 'string') throw new Error('hook.path is no text');
  if (timeout !== undefined && typeof timeout !== 'number') throw new Error('hook.timeout is no number');
  return parseHook({
    path,
    timeout,
    args: args === undefined ? undefined : textsOf('hook.args', args),
    env: env === undefined ? undefined : textsOf('hook.env', env),
  });
}

/** Regular expressions are those of JavaScript; they are the administrator's own. */
function conditionsOf(value: unknown): HookFile['matches'] {
  const when = fieldsOf('when', value, ['always', 'annotations', 'commands', 'hasBindMounts']);
  const { always, annotations, commands, hasBindMounts } = when;
  const conditions: HookFile['matches'][] = [];
  if (always !== undefined) conditions.push(() => always === true);
  if (hasBindMounts !== undefined) conditions.push((subject) => hasBindMounts === subject.hasBindMounts);
  if (annotations !== undefined) {
    const pairs = Object.entries(fieldsOf('when.annotations', annotations)).map(
      ([name, text]) => [new RegExp(name), new RegExp(String(text))] as const,
    );
    conditions.push(({ labels }) =>
      pairs.every(([name, text]) => Object.entries(labels).some(([key, label]) => name.test(key) && text.test(label))),
    );
  }
  if (commands !== undefined) {
    const patterns = textsOf('when.commands', commands).map((text) => new RegExp(text));
    conditions.push(({ command }) => patterns.some((pattern) => pattern.test(command[0] ?? '')));
  }
  return (subject) => conditions.length > 0 && conditions.every((holds) => holds(subject));
}

function fieldsOf(what: string, value: unknown, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is no object`);
  const strange = Object.keys(value).find((name) => known !== undefined && !known.includes(name));
  if (strange !== undefined) throw new Error(`${strange} of ${what} is not one of ${known?.join(', ')}`);
  return value as Readonly<Record<string, unknown>>;
}

function textsOf(what: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new Error(`${what} is no list of texts`);
  return value;
}
