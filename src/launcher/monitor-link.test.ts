import { expect, test } from 'vitest';
import type { Effects, Frame, HelperConnection } from '../base/effects.ts';
import { encodeMessage } from '../model/wire-codec.ts';
import { FramedMonitorLink } from './monitor-link.ts';

/** A worker's side of a connection: frames that it will say, then the end. */
function connectionThat(says: readonly Frame[], isDead: boolean): HelperConnection & { readonly sent: number[] } {
  const waiting = [...says];
  const sent: number[] = [];
  return {
    sent,
    send: async (type) => {
      if (isDead) throw new Error('EPIPE');
      sent.push(type);
    },
    receive: async () => waiting.shift(),
    sendRaw: async () => {},
    end: () => {},
    close: () => {},
    closed: Promise.resolve(),
  };
}

const CLONED = encodeMessage('cloned', { pid: 7, startTime: 70 });
const STARTED = encodeMessage('started', { atMs: 1000 });
const START = encodeMessage('start', {}).type;
const effects = { clock: { nowMs: () => 0 } } as unknown as Effects;

function linkOver(connections: readonly HelperConnection[]) {
  const [connection, ...others] = connections;
  if (connection === undefined) throw new Error('a link has a connection');
  let relaunches = 0;
  const relaunch = async (): Promise<HelperConnection> => {
    relaunches += 1;
    const next = others.shift();
    if (next === undefined) throw new Error('nobody listens');
    return next;
  };
  const options = { uid: 'c', socketPath: '/s', effects, recordedEnd: async () => undefined };
  return { link: new FramedMonitorLink({ ...options, connection, relaunch }), relaunches: () => relaunches };
}

test('a launch that a dying worker never took goes to another one, and so does its start', async () => {
  const second = connectionThat([CLONED, STARTED], false);
  const { link } = linkOver([connectionThat([], true), second]);
  const starting = link.start();
  void link.follow();
  await starting;
  expect(await link.started).toMatchObject({ process: { pid: 7 }, startedAtMs: 1000 });
  expect(second.sent).toEqual([START]);
});

test('a monitor that has said anything is never replaced', async () => {
  const { link, relaunches } = linkOver([connectionThat([CLONED], false), connectionThat([CLONED, STARTED], false)]);
  await link.follow();
  await expect(link.started).rejects.toMatchObject({ code: 'launcher.monitorGone' });
  expect(relaunches()).toBe(0);
});

test('an aborted launch goes to nobody else', async () => {
  const { link, relaunches } = linkOver([connectionThat([], false), connectionThat([CLONED, STARTED], false)]);
  await link.abort();
  await link.follow();
  expect(relaunches()).toBe(0);
});

test('when every worker is gone, that is the error', async () => {
  const { link, relaunches } = linkOver([connectionThat([], true)]);
  await link.follow();
  await expect(link.started).rejects.toMatchObject({ code: 'launcher.monitorGone' });
  expect(relaunches()).toBe(3);
});
