import type { ServiceManager, UnitProperty } from '../effects.ts';
import type { DbusValue } from './dbus-codec.ts';
import { type DbusCall, DbusConnection, DbusError } from './dbus-connection.ts';

/** Where systemd is asked: by way of the message bus, or, where none runs, straight. */
export interface ServiceManagerPlace {
  readonly busSocket: string;
  readonly privateSocket: string;
}

const SYSTEMD: ServiceManagerPlace = {
  busSocket: '/run/dbus/system_bus_socket',
  privateSocket: '/run/systemd/private',
};

const MANAGER = { path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' } as const;
const DESTINATION = 'org.freedesktop.systemd1';
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const UNIT = 'org.freedesktop.systemd1.Unit';
const NO_SUCH_UNIT = 'org.freedesktop.systemd1.NoSuchUnit';
const JOB_REMOVED = `type='signal',sender='${DESTINATION}',interface='${MANAGER.interface}',member='JobRemoved'`;

const CALL_DEADLINE_MS = 20_000;
/** A stop waits for what is in the unit to end; systemd itself kills after 90 s. */
const JOB_DEADLINE_MS = 30_000;
/** A reload of the manager may swallow the signal: then the unit itself is asked. */
const LOOK_AGAIN_MS = 1_000;

/** What a unit is once a job for it is over. */
type Awaited = 'active' | 'inactive';

/** systemd of this host. Nothing is connected before the first call. */
export function nodeServiceManager(place: ServiceManagerPlace = SYSTEMD): ServiceManager {
  let connecting: Promise<DbusConnection> | undefined;
  const connected = async (): Promise<DbusConnection> => {
    const present = await connecting?.catch(() => undefined);
    if (present?.isOpen === true) return present;
    connecting = connect(place);
    return connecting;
  };
  const run = async (call: ManagerCall, wanted: { readonly unit: string; readonly state: Awaited }): Promise<void> => {
    await runJob(await connected(), call, wanted);
  };
  return {
    startScope: (name, { pids, properties }) => {
      const all = [{ name: 'PIDs', signature: 'au', value: pids }, ...properties];
      const body = [name, 'fail', all.map(encodeProperty), []];
      return run(
        { member: 'StartTransientUnit', signature: 'ssa(sv)a(sa(sv))', body },
        { unit: name, state: 'active' },
      );
    },
    setUnitProperties: async (name, properties) => {
      const body = [name, true, properties.map(encodeProperty)];
      await ask(await connected(), { member: 'SetUnitProperties', signature: 'sba(sv)', body });
    },
    stopUnit: async (name) => {
      try {
        await run({ member: 'StopUnit', signature: 'ss', body: [name, 'replace'] }, { unit: name, state: 'inactive' });
        await ask(await connected(), { member: 'ResetFailedUnit', signature: 's', body: [name] });
      } catch (error) {
        if (!(error instanceof DbusError) || error.code !== NO_SUCH_UNIT) throw error;
      }
    },
    close: () => {
      void connecting?.then(
        (connection) => connection.close(),
        () => {}, // whoever connected was told
      );
      connecting = undefined;
    },
  };
}

type ManagerCall = Pick<DbusCall, 'member' | 'signature' | 'body'>;

/** The connection keeps no process alive that has nothing else to do. */
async function connect({ busSocket, privateSocket }: ServiceManagerPlace): Promise<DbusConnection> {
  const deadlineMs = CALL_DEADLINE_MS;
  const connection = await DbusConnection.open(busSocket, { isBus: true, deadlineMs }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ECONNREFUSED'].includes(String(error.code))) {
      return undefined;
    }
    throw error;
  });
  if (connection === undefined) return DbusConnection.open(privateSocket, { isBus: false, deadlineMs });
  try {
    await connection.match(JOB_REMOVED, deadlineMs);
    await ask(connection, { member: 'Subscribe' });
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function ask(connection: DbusConnection, call: ManagerCall): Promise<readonly DbusValue[]> {
  return connection.call({ destination: DESTINATION, ...MANAGER, ...call }, CALL_DEADLINE_MS);
}

function encodeProperty({ name, signature, value }: UnitProperty): DbusValue {
  return [name, { signature, value }];
}

/** Asks for a job and waits until it is over. @throws `DbusError` when it failed */
async function runJob(
  connection: DbusConnection,
  call: ManagerCall,
  { unit, state }: { readonly unit: string; readonly state: Awaited },
): Promise<void> {
  const results = new Map<DbusValue, DbusValue>();
  let noticed = (): void => {};
  // Heard from before the call: the job may be over in the moment in which its name is known.
  const stopListening = connection.onSignal(({ member, body }) => {
    if (member !== 'JobRemoved' || body[2] !== unit) return;
    results.set(body[1] as DbusValue, body[3] as DbusValue);
    noticed();
  });
  try {
    const [job] = await ask(connection, call);
    const startedMs = performance.now();
    for (;;) {
      const result = results.get(job as DbusValue);
      if (result === 'done') return;
      if (result !== undefined)
        throw new DbusError(`job-${String(result)}`, `${call.member} ${unit}: ${String(result)}`);
      if (performance.now() - startedMs > JOB_DEADLINE_MS) throw overdue(call.member, unit);
      const isHeard = await within(LOOK_AGAIN_MS, (resolve) => {
        noticed = resolve;
        if (results.has(job as DbusValue)) resolve();
      });
      if (!isHeard && (await isIn(connection, unit, state))) return;
    }
  } finally {
    stopListening();
  }
}

function overdue(member: string, unit: string): Error {
  const message = `${member} ${unit} was not done after ${JOB_DEADLINE_MS} ms`;
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}

async function within(ms: number, wait: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    wait(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

async function isIn(connection: DbusConnection, unit: string, wanted: Awaited): Promise<boolean> {
  try {
    const [path] = await ask(connection, { member: 'GetUnit', signature: 's', body: [unit] });
    const get = { path: String(path), interface: PROPERTIES, member: 'Get', signature: 'ss' };
    const body = [UNIT, 'ActiveState'];
    const [answer] = await connection.call({ destination: DESTINATION, ...get, body }, CALL_DEADLINE_MS);
    const { value } = answer as { readonly value: DbusValue };
    return wanted === 'active' ? value === 'active' : value === 'inactive' || value === 'failed';
  } catch (error) {
    if (error instanceof DbusError && error.code === NO_SUCH_UNIT) return wanted === 'inactive';
    throw error;
  }
}
