import type { Engine } from '../../src/engine/facade.ts';
import type { ContainerConfig } from '../../src/model/container-config.ts';
import type { HealthRequest } from '../../src/model/health.ts';
import type { RestartPolicy } from '../../src/model/restart-policy.ts';
import { type Ledger, LIMITS, REFUSED_LIMITS } from './ledger.ts';
import type { SeededRandom } from './scheduler.ts';
import { type Behaviour, commandOf } from './workload.ts';
import { config } from './world.ts';

const NAMES = ['ant', 'bee', 'cod'];

const BEHAVIOURS: readonly Behaviour[] = [
  { kind: 'exits', code: 0, afterMs: 0 },
  { kind: 'exits', code: 3, afterMs: 0 },
  { kind: 'exits', code: 5, afterMs: 40 },
  { kind: 'runs' },
  { kind: 'runs' },
  { kind: 'stubborn' },
  { kind: 'missing' },
];

const POLICIES: readonly (RestartPolicy | undefined)[] = [
  ...[undefined, undefined, undefined],
  { kind: 'always' },
  { kind: 'unless-stopped' },
  { kind: 'on-failure', maximum: 2 },
];

interface Client {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly random: SeededRandom;
}

type Operation = (client: Client, name: string) => Promise<void>;

const OPERATIONS: readonly Operation[] = [
  launch,
  launch,
  launch,
  nest,
  nest,
  create,
  stop,
  kill,
  remove,
  destroy,
  exec,
  update,
  update,
  pause,
  unpause,
  wait,
  wait,
  explain,
];

/**
 * A caller who does some things with a few names, one after the other, whatever becomes of each.
 *
 * @param favoured names of operations, beside launches the only ones; all when there is none
 */
export async function act(client: Client, count: number, favoured: readonly string[]): Promise<void> {
  const isDone = ({ name }: Operation): boolean => name === 'launch' || favoured.includes(name);
  const operations = favoured.length === 0 ? OPERATIONS : OPERATIONS.filter(isDone);
  for (let index = 0; index < count; index++) {
    const operation = client.random.pick(operations);
    try {
      await operation(client, await pickPath(client));
    } catch (error) {
      client.ledger.failed(operation.name, error);
    }
  }
}

/** A name, or where one lives that is there, which may be in another. */
async function pickPath({ engine, random }: Client): Promise<string> {
  const paths = random.chance(60) ? (await engine.list()).map(({ path }) => path) : [];
  return random.pick(paths.length === 0 ? NAMES : paths);
}

/** Without a pid namespace the kernel does not end what lives in a container: the engine has to. */
function placed(path: string, random: SeededRandom): Partial<ContainerConfig> {
  const slash = path.lastIndexOf('/');
  if (slash > 0) return { name: path.slice(slash + 1), parent: path.slice(0, slash) };
  return { name: path, ...(random.chance(30) ? { namespaces: { pid: { kind: 'host' } } } : {}) };
}

/** In one that runs, if there is any; three deep is as good as thirty. */
async function nest(client: Client): Promise<void> {
  const list = await client.engine.list();
  const around = list.filter(({ state, depth }) => state === 'running' && depth < 3).map(({ path }) => path);
  const name = client.random.pick([...NAMES, '', '', '']);
  await launch(client, around.length === 0 ? name : `${client.random.pick(around)}/${name}`);
}

async function launch({ engine, ledger, random }: Client, path: string): Promise<void> {
  const place = placed(path, random);
  const autoRemove = random.chance(30);
  const cannotRestart = autoRemove || place.parent !== undefined;
  const restart = cannotRestart ? undefined : random.pick(POLICIES);
  const health = random.chance(10) ? healthOf(random) : undefined;
  const how = { autoRemove, owned: random.chance(30), ...(restart && { restart }), ...(health && { health }) };
  const wanted = config(random.pick(BEHAVIOURS), { ...place, ...how });
  ledger.launched((await engine.launch(wanted)).status);
}

/** Nothing that takes its time, or a run would end amid a stop: that has tests of its own. */
function healthOf(random: SeededRandom): HealthRequest {
  const command = commandOf({ kind: 'exits', code: random.pick([0, 1]), afterMs: 1 });
  const onFailure = random.pick(['none', 'kill'] as const);
  return { check: { command }, intervalMs: random.pick([10_000, 60_000]), timeoutMs: 50, retries: 1, onFailure };
}

async function create({ engine, ledger, random }: Client, path: string): Promise<void> {
  ledger.launched(await engine.create(config(random.pick(BEHAVIOURS), placed(path, random))));
}

async function stop({ engine, ledger, random }: Client, name: string): Promise<void> {
  const { uid } = await engine.status(name);
  ledger.ended(uid, await engine.stop(uid, random.pick([0, 50])));
  ledger.stopAcknowledged(uid);
}

async function kill({ engine }: Client, name: string): Promise<void> {
  await engine.kill(name, 15);
}

async function remove({ engine, ledger, random }: Client, name: string): Promise<void> {
  const { uid } = await engine.status(name);
  const force = random.chance(50);
  ledger.removalAsked(uid);
  await engine.remove(uid, { force });
  ledger.removalAcknowledged(uid);
}

async function destroy({ engine, ledger, random }: Client, name: string): Promise<void> {
  const uid = (await engine.check(name))?.uid ?? 'nobody';
  ledger.removalAsked(uid);
  await engine.destroy(uid, { graceMs: random.pick([0, 50]) });
  ledger.removalAcknowledged(uid);
}

async function exec({ engine, random }: Client, name: string): Promise<void> {
  const { uid } = await engine.status(name);
  const command = commandOf(random.pick(BEHAVIOURS));
  const session = await engine.exec({
    ...{ container: uid, command, env: [], terminal: false, stdin: false, owned: random.chance(50) },
  });
  if (random.chance(50)) await engine.signalSession(session.id, 9);
}

async function update({ engine, ledger, random }: Client, name: string): Promise<void> {
  const { uid } = await engine.status(name);
  const limit = random.pick([...LIMITS, ...REFUSED_LIMITS]);
  const told = ledger.updateAsked(uid, limit);
  const updated = await engine.update(uid, { memoryLimitBytes: limit }).catch((error: unknown) => {
    told(undefined);
    throw error;
  });
  told(updated.config.resources.memoryLimitBytes ?? null);
}

async function pause({ engine }: Client, name: string): Promise<void> {
  await engine.pause(name);
}

async function unpause({ engine }: Client, name: string): Promise<void> {
  await engine.unpause(name);
}

/** Does not keep the client: what it waits for may take somebody else's stop. */
async function wait({ engine, ledger }: Client, name: string): Promise<void> {
  const { uid } = await engine.status(name);
  const heard = engine.wait(uid).then(
    (termination) => ledger.ended(uid, termination),
    (error) => ledger.failed('wait', error),
  );
  heard.catch(() => {}); // awaited at the end of the run
  ledger.waiters.push(heard);
}

async function explain({ engine, random }: Client): Promise<void> {
  await engine.explain(config(random.pick(BEHAVIOURS)));
}
