import type { UndoStack } from '../base/undo-stack.ts';
import { contribute, type PreparedIsolators, prepareIsolators } from '../isolators/contribute.ts';
import type { Isolator, PlanInput } from '../isolators/isolator.ts';
import { selectIsolators } from '../isolators/select.ts';
import type { BackendChoice } from '../model/backend.ts';
import type { ContainerConfig } from '../model/container-config.ts';
import type { ContainerUid } from '../model/container-id.ts';
import type { Image } from '../model/image-config.ts';
import type { LaunchPlan, NamespaceKind, RootfsRecipe } from '../model/launch-plan.ts';
import { compose } from '../plan/compose.ts';
import { wantedControllers } from '../plan/merge.ts';
import { confinedAsParent, hasMoreThan } from './debugged.ts';
import { engineErrors } from './errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { type FoundParent, findJoined, findParent } from './joined.ts';
import { checkInside } from './nested.ts';
import { type ContainerPaths, logDirectory } from './paths.ts';
import { type LaunchValues, newTickets, type PlannedLaunch, PlanTemplate } from './planned-launch.ts';
import { setAsideIds } from './user-ids.ts';

/** Of whom a plan is made; `explain` has no container in memory. */
export interface PlanSubject {
  readonly uid: ContainerUid;
  readonly config: ContainerConfig;
  readonly paths: ContainerPaths;
  /** What its root file system came to be by, in an earlier life. */
  readonly backend?: BackendChoice | undefined;
}

/** What a plan is made from, besides the host. */
export interface PlanFacts {
  readonly subject: PlanSubject;
  readonly isolators: readonly Isolator[];
  readonly image: Image | undefined;
  readonly recipe: RootfsRecipe | undefined;
  readonly volumeSources: PlanInput['volumeSources'];
  /** Gets the undo of everything that a `prepare` acquires. */
  readonly undo: UndoStack;
  readonly signal: AbortSignal;
}

/**
 * Prepares the isolators in catalogue order, asks each for its contribution and merges them.
 *
 * @throws {EngineError} what an isolator refuses, `plan.conflict` and the like; the caller unwinds `undo`
 */
export async function prepareAndPlan(host: EngineHost, facts: PlanFacts): Promise<LaunchPlan> {
  const found = await find(host, facts);
  return plan(host, found, await prepare(host, found));
}

/** Beside what the caller and the image say: ids and containers that are there now. */
interface FoundFacts extends PlanFacts, Pick<PlanInput, 'joined' | 'userNamespace'> {
  readonly parent?: FoundParent;
}

async function find(host: EngineHost, facts: PlanFacts): Promise<FoundFacts> {
  const joined = await findJoined(host, facts.subject.config);
  const parent = await findParent(host, facts.subject.config);
  const userNamespace = await setAsideIds(host, { ...facts, parent: parent?.plan });
  return {
    ...facts,
    ...(joined && { joined }),
    ...(parent && { parent }),
    ...(userNamespace && { userNamespace }),
  };
}

/**
 * As `prepareAndPlan`, ready to be sent. Isolators are prepared for every container; what is made of that is remembered
 * and serves all that differ in uid and name alone; with ids of its own, or with namespaces of another one, it is one of
 * a kind and not remembered.
 */
export async function planLaunch(host: EngineHost, facts: PlanFacts, values: LaunchValues): Promise<PlannedLaunch> {
  const found = await find(host, facts);
  const prepared = await prepare(host, found);
  const { random } = host.effects;
  const make = (): PlanTemplate =>
    new PlanTemplate(plan(host, found, prepared), host.paths, {
      tickets: newTickets(random, facts.subject.config.owned),
      secrets: values.secrets,
    });
  const { joined, parent, userNamespace } = found;
  const isPlain = joined === undefined && parent === undefined && userNamespace === undefined;
  const isOneOfAKind = !isPlain || isSingular(facts, values);
  const template = isOneOfAKind ? make() : host.plans.get(planKey(found, prepared), make);
  return template.launch(facts.subject.uid, values.tickets);
}

/** A secret is not remembered; and a volume of the container's own serves no other. */
function isSingular({ subject }: PlanFacts, { secrets }: LaunchValues): boolean {
  return secrets.size > 0 || subject.config.volumes.some((volume) => volume.kind === 'named' && volume.anonymous);
}

/** All that a plan is made from, but for what never changes while the engine is open. JSON has no NUL of its own. */
function planKey({ subject, image, recipe, volumeSources }: PlanFacts, prepared: PreparedIsolators): string {
  const { uid, config } = subject;
  return JSON.stringify([{ ...config, name: '' }, image?.id, recipe, volumeSources, prepared]).replaceAll(uid, '\0');
}

async function prepare(host: EngineHost, facts: FoundFacts): Promise<PreparedIsolators> {
  const { uid } = facts.subject;
  const during = <Value>(isolator: string, work: Promise<Value>): Promise<Value> =>
    host.operations.during({ what: `preparation of ${isolator}`, uid }, work);
  const preparing = prepareIsolators(facts.isolators, planInput(host, facts), { undo: facts.undo, during });
  facts.undo.push('what isolators still prepare', () => untilSettled(host, uid, preparing));
  const step = { what: 'preparing the isolators', uid, ms: DEADLINES.hookMs, signal: facts.signal };
  return host.operations.within(step, preparing);
}

function plan(host: EngineHost, facts: FoundFacts, prepared: PreparedIsolators): LaunchPlan {
  const contributions = contribute(facts.isolators, planInput(host, facts), prepared);
  const { uid, paths } = facts.subject;
  const { parent } = facts;
  const user = parent?.container.debugged?.user;
  const config = user === undefined ? facts.subject.config : { user, ...facts.subject.config };
  const composed = compose({
    ...{ uid, config, contributions },
    placement: host.launcher.placement(uid, wantedControllers(contributions), facts.parent?.plan.cgroupJoins),
    ...(facts.parent && { parentUser: facts.parent.plan.credentials.user }),
    host: host.hostFacts,
    mountPoint: host.paths.mountPoint,
    logDirectory: logDirectory(paths, config.log.format),
  });
  checkHostSharing(composed, host.namespacePolicy.hostForbidden);
  checkInside(composed, parent);
  if (config.debug !== true || parent === undefined) return composed;
  return confinedAsParent(composed, parent.plan, hasMoreThan(config, parent.container.config));
}

/** Whatever was said or left out: what counts is what the plan has not of its own. */
function checkHostSharing({ namespaces, joins = [] }: LaunchPlan, forbidden: readonly NamespaceKind[]): void {
  const own = new Set<string>([...namespaces, ...joins].map(({ kind }) => kind));
  const kind = forbidden.find((one) => !own.has(one));
  if (kind !== undefined) throw engineErrors.hostForbidden({ kind, forbidden });
}

/** A launch that is given up must not be taken back under the hands of an isolator that is at work for it. */
async function untilSettled(host: EngineHost, uid: string, preparing: Promise<unknown>): Promise<void> {
  const settled = preparing.then(
    () => {},
    () => {}, // whoever waits for the plan is told
  );
  await host.operations.within({ what: 'an isolator that still prepares', uid, ms: DEADLINES.hookMs }, settled);
}

/** @throws {EngineError} `isolators.*`: a choice that is not permitted or does not fit together */
export function chooseIsolators(host: EngineHost, config: ContainerConfig): readonly Isolator[] {
  const { isolators: catalog, permittedIsolators: permitted, hostFacts } = host;
  return selectIsolators({ catalog, permitted, config, host: hostFacts });
}

function planInput(host: EngineHost, facts: FoundFacts): PlanInput {
  const { subject, isolators, image, recipe, volumeSources, joined, parent, userNamespace } = facts;
  return {
    uid: subject.uid,
    config: subject.config,
    isolators: isolators.map(({ name }) => name),
    ...(image && { image: image.config }),
    ...(recipe && { rootfs: recipe }),
    ...(joined && { joined }),
    ...(parent && { parent: parent.container }),
    ...(userNamespace && { userNamespace }),
    ...(volumeSources && { volumeSources }),
    sandboxDir: subject.paths.sandboxDir,
    runtimeDir: subject.paths.runtimeDir,
    host: host.hostFacts,
  };
}
