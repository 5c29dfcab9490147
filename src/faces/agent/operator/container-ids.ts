import { z } from 'zod';
import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import { EngineError } from '../../../model/error.ts';
import { MAX_DEPTH } from '../../../model/nesting.ts';
import { operatorErrors } from './errors.ts';

/** An id as Mesos has it: a value, and the id of the container that this one lives in. */
export interface ContainerId {
  readonly value: string;
  readonly parent?: ContainerId | undefined;
}

/** What lives in another container. */
export type NestedId = ContainerId & { readonly parent: ContainerId };

/** What could lead out of a directory, or end a line, is in no id. Dots are in names that were given by other ways than this API. */
const idValue = z
  .string()
  .min(1)
  .max(242)
  .regex(/^[^/\\\s\p{Cc}]+$/u, 'has a slash, a backslash, a space or a control character')
  .refine((value) => value !== '.' && value !== '..', 'is a directory');

const levelSchema = z.strictObject({ value: idValue, parent: z.unknown().optional() });

/** The id of what may be there already, as GET_CONTAINERS shows it. Level by level and not by recursion: how deep a body is, its sender decides. */
export const containerIdSchema = z.unknown().transform((asked, context): ContainerId => {
  const values: string[] = [];
  for (let level = asked; level !== undefined || values.length === 0; ) {
    const path = values.map(() => 'parent');
    const parsed = levelSchema.safeParse(level);
    if (!parsed.success || values.length === MAX_DEPTH) {
      const [issue] = parsed.error?.issues ?? [];
      const message = issue?.message ?? `more than ${MAX_DEPTH} containers in one another`;
      context.addIssue({ code: 'custom', message, path: [...path, ...(issue?.path ?? [])] });
      return z.NEVER;
    }
    values.push(parsed.data.value);
    level = parsed.data.parent;
  }
  return nest(values.reverse());
});

export const nestedIdSchema = containerIdSchema.transform((id, context): NestedId => {
  if (isNested(id)) return id;
  context.addIssue({ code: 'custom', message: 'expecting the id of a parent', path: ['parent'] });
  return z.NEVER;
});

const NO_DOT = { message: 'has a dot, which is between the ids of parents and children', path: ['value'] };

/** The id of what is to be there: validated as Mesos does it, so without a dot. Its parents may have any name. */
export const newIdSchema = containerIdSchema.refine(hasNoDot, NO_DOT);
export const newNestedIdSchema = nestedIdSchema.refine(hasNoDot, NO_DOT);

function hasNoDot({ value }: ContainerId): boolean {
  return !value.includes('.');
}

export function isNested(id: ContainerId): id is NestedId {
  return id.parent !== undefined;
}

/** @param values parents first, at least one */
function nest(values: readonly string[]): ContainerId {
  const [first = '', ...rest] = values;
  return rest.reduce<ContainerId>((parent, value) => ({ value, parent }), { value: first });
}

/** Text form of an id, parents first, for people: names may have dots, too. */
export function idText(id: ContainerId): string {
  return valuesOf(id).join('.');
}

/** The same as the engine names containers in containers. */
export function pathOf(id: ContainerId): string {
  return valuesOf(id).join('/');
}

/** The outermost container of an id. */
export function rootOf(id: ContainerId): ContainerId {
  let at = id;
  while (at.parent !== undefined) at = at.parent;
  return at;
}

/** What {@link pathOf} made a path of; names have no slashes. */
export function idOfPath(path: string): ContainerId {
  return nest(path.split('/'));
}

function valuesOf(id: ContainerId): readonly string[] {
  const values: string[] = [];
  for (let at: ContainerId | undefined = id; at !== undefined; at = at.parent) values.unshift(at.value);
  return values;
}

/** The container of this very id: the beginning of a uid, which the engine would take, is none. */
export async function check(engine: Engine, id: ContainerId): Promise<ContainerStatus | undefined> {
  const path = pathOf(id);
  try {
    const found = await engine.check(path);
    return found?.path === path ? found : undefined;
  } catch (error) {
    // Several uids begin like that, and no name is it.
    if (error instanceof EngineError && error.code === 'engine.ambiguousId') return undefined;
    throw error;
  }
}

/** @throws {EngineError} `operator.unknownContainer` (not-found) */
export async function find(engine: Engine, id: ContainerId): Promise<ContainerStatus> {
  const found = await check(engine, id);
  if (found === undefined) throw operatorErrors.unknownContainer({ id: idText(id) });
  return found;
}
