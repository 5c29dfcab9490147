import { defineErrors } from '../model/error.ts';
import { askedResources } from './cgroups/served.ts';
import type { Isolator } from './isolator.ts';
import { type Selection, selectErrors, servesLauncher } from './select.ts';

export const lateErrors = defineErrors('late-isolators', {
  listed: {
    kind: 'failed-precondition',
    message: (d: { option: string; isolator: string; listed: readonly string[] }) =>
      `${d.option} is the work of ${d.isolator}, and the container was launched with a list of isolators that lacks it: ${d.listed.join(',')}`,
    remedy: (d: { isolator: string }) => `launch it anew with ${d.isolator} in --isolation, or without --isolation`,
  },
});

/**
 * The isolators that a running container gets for limits of a kind that it had none of so far: what a launch with these
 * limits would have chosen besides. A container whose isolators were listed gets none.
 *
 * @param present names of those that it has
 * @throws {EngineError} `late-isolators.listed` (failed-precondition), `isolators.notPermitted` (permission-denied)
 */
export function lateIsolators(
  { catalog, permitted, config, host }: Selection,
  present: readonly string[],
): readonly Isolator[] {
  const late = new Set<Isolator>();
  for (const [option, isolator] of askedResources(config.resources, host.launcher)) {
    const found = catalog.find(({ name }) => name === isolator);
    // Who cannot have a part in it at all is told so by `checkServed`.
    if (found === undefined || present.includes(isolator) || !servesLauncher(found, host)) continue;
    if (config.isolation !== undefined) throw lateErrors.listed({ option, isolator, listed: config.isolation });
    if (permitted?.includes(isolator) === false) throw selectErrors.notPermitted({ isolator, permitted });
    late.add(found);
  }
  return catalog.filter((isolator) => late.has(isolator));
}
