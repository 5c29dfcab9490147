import type { Container } from './container.ts';

/**
 * Makes a change to a live container once those that were asked for earlier are over. The cleanup after its end waits
 * for them all, so a change may write records and groups of a container that was alive when it began.
 */
export function afterOthers<Result>(container: Container, change: () => Promise<Result>): Promise<Result> {
  const done = container.changes.then(change);
  container.changes = done.then(
    () => {},
    () => {}, // told to its caller
  );
  return done;
}

/**
 * Lets a further process join the groups of a live container: not while they become others.
 *
 * @param join reads which they are, and resolves once the process is in them or given up
 */
export async function whileGroupsStay<Result>(container: Container, join: () => Promise<Result>): Promise<Result> {
  while (container.regrouping !== undefined) await container.regrouping;
  const done = join();
  const settled = done.then(
    () => {},
    () => {}, // told to its caller
  );
  container.joining.add(settled);
  void settled.then(() => container.joining.delete(settled));
  return done;
}

/** Makes others of the groups of a live container, once nobody is on the way into them. */
export async function whileNobodyJoins<Result>(container: Container, change: () => Promise<Result>): Promise<Result> {
  const { promise, resolve } = Promise.withResolvers<void>();
  container.regrouping = promise;
  try {
    await Promise.all(container.joining);
    return await change();
  } finally {
    container.regrouping = undefined;
    resolve();
  }
}
