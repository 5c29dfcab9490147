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
