import type { HostFacts } from '../../model/host-facts.ts';
import type { CgroupKnob } from '../../model/launch-plan.ts';
import type { Resources } from '../../model/resources.ts';
import type { Isolator, PreparedFacts, UpdateContribution, UpdateInput } from '../isolator.ts';
import { cgroupsErrors } from './errors.ts';
import { asksFor } from './served.ts';

/** What the knobs of one controller are made from; the same input gives the same knobs. */
export interface KnobInput {
  readonly resources: Resources;
  readonly host: HostFacts;
  readonly version: 1 | 2;
  readonly prepared: PreparedFacts;
}

interface ControllerSpec extends Pick<Isolator, 'watch' | 'limitation' | 'usage' | 'brief'> {
  readonly name: string;
  /** v2 name. */
  readonly controller: string;
  /** Versions in which every container has a group of it, for accounting; in others only one that asks for a limit. */
  readonly accountsIn: readonly (1 | 2)[];
  /** Facts of the host that the knobs are made from; what it acquires, `cleanup` gives back. */
  resolve?(resources: Resources, input: UpdateInput): Promise<PreparedFacts>;
  /** In the order in which they are written into a new group. @throws {EngineError} for what this host cannot do */
  knobs(input: KnobInput): readonly CgroupKnob[];
}

/** An isolator that is a group of the container's own in one controller, with knobs; none of them only accounts. */
export function controllerIsolator(spec: ControllerSpec): Isolator {
  const { name, controller, accountsIn, resolve, knobs, ...hooks } = spec;
  const bounds = ({ config: { resources }, host }: UpdateInput, prepared: PreparedFacts): UpdateContribution => {
    const version = controllerVersion(host, name, controller);
    return { cgroup: { controller, knobs: knobs({ resources, host, version, prepared }) } };
  };
  return {
    ...{ name, requires: [], ...hooks },
    appliesTo: ({ resources }, { controllers }) => {
      const version = controllers[controller];
      return asksFor(resources, name) || (version !== undefined && accountsIn.includes(version));
    },
    ...(resolve === undefined ? {} : { prepare: (input) => resolve(input.config.resources, input) }),
    plan: (input) => bounds(input, input.prepared ?? {}),
    update: async (input) => bounds(input, (await resolve?.(input.config.resources, input)) ?? {}),
  };
}

/** The version that serves a controller. @throws {EngineError} `cgroups.controllerMissing` (failed-precondition) */
export function controllerVersion(host: HostFacts, isolator: string, controller: string): 1 | 2 {
  const version = host.controllers[controller];
  if (version === undefined) throw cgroupsErrors.controllerMissing({ isolator, controller });
  return version;
}

/**
 * A knob that not every kernel has.
 *
 * @param wanted what the caller asked for, for the error
 * @throws {EngineError} `cgroups.knobMissing` (failed-precondition)
 */
export function optionalKnob(host: HostFacts, wanted: string, knob: CgroupKnob): CgroupKnob {
  if (!host.cgroupFeatures.includes(knob.file)) throw cgroupsErrors.knobMissing({ wanted, file: knob.file });
  return knob;
}

/** A list of one, or of none for what was not asked for. */
export function whenAsked<Value, Item>(value: Value | undefined, make: (value: Value) => Item): readonly Item[] {
  return value === undefined ? [] : [make(value)];
}
