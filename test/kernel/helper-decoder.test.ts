import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, MAX_PAYLOAD_BYTES, MESSAGES } from '../../src/model/wire.ts';
import { encodeMessage } from '../../src/model/wire-codec.ts';
import { HELPER_BINARY, isAlive, TestHelper, until } from './support/helper-client.ts';

const { EBADMSG, EMSGSIZE, EPROTO } = constants.errno;
const ROOT = join(import.meta.dirname, '../..');
const BUILDS = [
  { name: 'as shipped', binary: HELPER_BINARY },
  { name: 'with sanitizers', binary: join(ROOT, '.build/isopod-helper-asan') },
];

let helper: TestHelper;

beforeAll(() => {
  execFileSync('sh', [join(ROOT, 'native/build.sh'), 'asan']);
});

beforeEach(() => {
  helper = new TestHelper();
});

afterEach(() => helper.stop());

function frame(type: number, payload: Uint8Array, length = payload.length): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(length);
  header.writeUInt8(type, 4);
  return Buffer.concat([header, payload]);
}

describe.each(BUILDS)('a malformed frame, helper $name,', ({ binary }) => {
  beforeEach(() => helper.start([binary]));

  async function answerTo(bytes: Uint8Array) {
    const connection = await helper.connect();
    await connection.sendBytes(bytes);
    const { phase, errno } = await connection.expectFailure();
    expect(await connection.receive()).toBeUndefined();
    connection.close();
    return { phase, errno };
  }
  const refusal = (errno: number) => ({ phase: FAILURE_PHASE.request, errno });

  test('of an unknown type or out of place is refused', async () => {
    expect(await answerTo(frame(200, new Uint8Array(0)))).toEqual(refusal(EPROTO));
    expect(await answerTo(frame(MESSAGES.start.code, new Uint8Array(0)))).toEqual(refusal(EPROTO));
  });

  test('over the size limit is refused without being read', async () => {
    expect(await answerTo(frame(MESSAGES.run.code, new Uint8Array(0), MAX_PAYLOAD_BYTES + 1))).toEqual(
      refusal(EMSGSIZE),
    );
  });

  test('with bytes in the header that must be zero is refused', async () => {
    const bytes = frame(MESSAGES.retire.code, new Uint8Array(0));
    bytes.writeUInt8(1, 6);
    expect(await answerTo(bytes)).toEqual(refusal(EBADMSG));
  });

  test('with a NUL inside a string, or bytes too many, is refused', async () => {
    const { type, payload } = encodeMessage('lock', { path: '/tmp/x' });
    const hidden = Buffer.from(payload);
    hidden.writeUInt8(0, 6);
    expect(await answerTo(frame(type, hidden))).toEqual(refusal(EBADMSG));
    expect(await answerTo(frame(type, Buffer.concat([payload, Buffer.alloc(1)])))).toEqual(refusal(EBADMSG));
  });

  test('that was cut anywhere is refused', async () => {
    const { type, payload } = encodeMessage('launch', helper.launchValues(['true']));
    for (let length = 0; length < payload.length; length += 3) {
      expect(await answerTo(frame(type, payload.subarray(0, length)))).toEqual(refusal(EBADMSG));
    }
  });

  test('with any length or count blown up is refused', async () => {
    const { type, payload } = encodeMessage('launch', helper.launchValues(['true'], { kind: 9 }));
    for (let offset = 8; offset + 4 <= payload.length; offset += 1) {
      const bytes = Buffer.from(payload);
      bytes.writeUInt32LE(0xffff_fff0, offset);
      expect((await answerTo(frame(type, bytes))).phase).toBe(FAILURE_PHASE.request);
    }
  });

  test('that never ends costs only its worker', async () => {
    const connection = await helper.connect();
    await connection.sendBytes(frame(MESSAGES.run.code, Buffer.alloc(10), 1000));
    connection.close();
    await until('the worker is gone', () => !isAlive(connection.workerPid));
    await helper.connect();
  });

  test('of random bytes is refused or ends the connection, and the helper stays whole', async () => {
    const { payload } = encodeMessage('launch', helper.launchValues(['true'], { kind: 9 }));
    const random = randomNumbers(1);
    for (let round = 0; round < 300; round += 1) {
      const bytes = Buffer.from(payload);
      for (let change = 0; change < 8; change += 1) bytes.writeUInt8(random(256), 8 + random(bytes.length - 8));
      expect((await answerTo(frame(MESSAGES.launch.code, bytes))).phase).toBe(FAILURE_PHASE.request);
    }
    expect(readFileSync(helper.logPath, 'utf8')).toBe('');
  });
});

/** Numbers below a bound, the same in every run (the generator of Park and Miller). */
function randomNumbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % bound;
  };
}
