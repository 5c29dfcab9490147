import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FakeRegistry } from './fake-registry.fixture.ts';
import type { PullProgress } from './images.ts';
import { IMAGE, LAYER, Mirrored } from './registry/mirrored.fixture.ts';
import { StoreFixture } from './store.fixture.ts';

const PAGE = '<html>Please log in</html>';
const LAYER_DIGEST = IMAGE.layers[0]?.digest ?? '-';

let hosts: Mirrored;
let store: StoreFixture;
let told: PullProgress[];
let reported: string[];

beforeEach(async () => {
  [hosts, store, told, reported] = [await Mirrored.start(), new StoreFixture(), [], []];
  hosts.sayMirror();
});
afterEach(async () => {
  store.remove();
  await hosts.stop();
});

async function pull(): Promise<void> {
  const report = (what: string): void => void reported.push(what);
  const registries = hosts.registries({ report });
  const limits = { requestAttempts: 3 };
  const images = store.open({ registries }, limits);
  await images.pull(`${hosts.registry.host}/app:1`, { onProgress: (event) => void told.push(event) });
}

const left = () => told.filter(({ kind }) => kind === 'left');

/** Lets a host answer requests for a path in its own way. */
function answer(of: FakeRegistry, fragment: string, respond: (response: ServerResponse) => void): void {
  of.misbehave = (request, response) => {
    if (!(request.url ?? '').includes(fragment)) return false;
    respond(response);
    return true;
  };
}

function flipped(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[wrong.length - 1000] = (wrong[wrong.length - 1000] ?? 0) ^ 1;
  return wrong;
}

/** Without telling how long it is. */
function inPieces(response: ServerResponse, ...pieces: readonly (string | Uint8Array)[]): void {
  for (const piece of pieces) response.write(piece);
  response.end();
}

/** How the layer was asked of the registry: from which byte on. */
const rangesOfRegistry = () =>
  hosts.registry.requests.filter(({ path }) => path.includes(LAYER_DIGEST)).map(({ range }) => range);

test('a mirror that fails is told once, to who pulls and to the log, with who is asked instead', async () => {
  answer(hosts.mirror, '/', (response) => response.writeHead(503).end('sorry'));
  await pull();
  const { host } = hosts.mirror;
  const reason = `registry ${host} answered HTTP 503: sorry`;
  expect(left()).toEqual([{ kind: 'left', host, reason, next: hosts.registry.host }]);
  expect(reported).toEqual([expect.stringContaining(`${host} has failed`)]);
});

test('a mirror that is not there is told', async () => {
  await hosts.mirror.stop().then(() => pull());
  expect(left()).toEqual([expect.objectContaining({ reason: expect.stringContaining('connection refused') })]);
  hosts.mirror.stop = async () => {};
});

test('a mirror that has not what is asked for has not failed', async () => {
  answer(hosts.mirror, '/', (response) => response.writeHead(404).end());
  await pull();
  expect([left(), reported]).toEqual([[], []]);
});

test.each([
  [404, 'registry.unknownImage', 'was not found'],
  [500, 'registry.failing', 'HTTP 500'],
])(
  'when all hosts fail, the error has the reason of each (the registry answers HTTP %d)',
  async (status, code, last) => {
    answer(hosts.mirror, '/', (response) => response.writeHead(503).end('sorry'));
    answer(hosts.registry, '/', (response) => response.writeHead(status).end());
    const error = await pull().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(last);
    expect(String(error)).toContain(`asked before it: registry ${hosts.mirror.host} answered HTTP 503: sorry`);
  },
);

test.each<[string, (response: ServerResponse) => void, string]>([
  ['a page', (response) => response.setHeader('content-type', 'text/html').end(PAGE), 'no usable manifest'],
  ['something else', (response) => response.end('{"login":"please"}'), 'it has no field of a manifest'],
  [
    'other bytes than it announces',
    (response) => {
      response.setHeader('docker-content-digest', LAYER_DIGEST).end(IMAGE.manifest.bytes);
    },
    'should have digest',
  ],
])('a mirror that sends %s as a manifest is left, and the reason told', async (_, respond, reason) => {
  answer(hosts.mirror, '/manifests/', respond);
  await pull();
  expect(left()).toEqual([
    { kind: 'left', host: hosts.mirror.host, next: hosts.registry.host, reason: expect.stringContaining(reason) },
  ]);
});

test.each<[string, (response: ServerResponse) => void, string]>([
  ['a page', (response) => response.setHeader('content-type', 'text/html').end(PAGE), 'bytes of text/html came'],
  ['a page of unknown length', (response) => inPieces(response, PAGE), 'broke off its sha256'],
  ['wrong bytes', (response) => response.end(flipped(Buffer.from(LAYER))), 'should have digest'],
  ['another length', (response) => response.end(LAYER.subarray(1)), `bytes came, and it has ${LAYER.length}`],
  ['more', (response) => inPieces(response, LAYER, 'more'), 'is longer than'],
])('a layer that a mirror sends as %s is fetched from the registry', async (_, respond, reason) => {
  answer(hosts.mirror, LAYER_DIGEST, respond);
  await pull();
  expect(left()).toEqual([
    { kind: 'left', host: hosts.mirror.host, next: hosts.registry.host, reason: expect.stringContaining(reason) },
  ]);
  expect(rangesOfRegistry().at(-1)).toBeUndefined();
});

test('a config that a mirror sends wrong is fetched from the registry', async () => {
  answer(hosts.mirror, IMAGE.config.digest, (response) => response.end(Buffer.alloc(IMAGE.config.bytes.length, 'x')));
  await pull();
  expect(left()).toHaveLength(1);
});

test('wrong bytes of all hosts name each of them, and the last one by what it sent', async () => {
  for (const host of [hosts.mirror, hosts.registry]) {
    answer(host, LAYER_DIGEST, (response) => response.end(flipped(Buffer.from(LAYER))));
  }
  const error = await pull().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'image-content.wrongDigest', details: { expected: LAYER_DIGEST } });
  expect(String(error)).toContain(`it came from ${hosts.registry.host}; asked before it:`);
  expect(String(error)).toContain(`it came from ${hosts.mirror.host}`);
});

test('a layer that ends early everywhere names who sent it', async () => {
  hosts.say([`server = "http://${hosts.registry.host}"`]);
  answer(hosts.registry, LAYER_DIGEST, (response) => response.end(LAYER.subarray(0, 1000)));
  await expect(pull()).rejects.toMatchObject({
    code: 'image-content.truncated',
    message: expect.stringContaining(`it came from ${hosts.registry.host}`),
  });
});

test.each([
  ['push', 'resolve'],
  ['resolve', 'pull'],
])('hosts that may only %s are refused for %s, with the file and what to add', async (capability, missing) => {
  const path = hosts.say([`capabilities = ["${capability}"]`]);
  await expect(pull()).rejects.toMatchObject({
    code: 'registry-hosts.noneMay',
    message: `no host of registry ${hosts.registry.host} (${hosts.registry.host}) has the capability "${missing}" by ${path}`,
    remedy: expect.stringContaining(`add "${missing}"`),
  });
});
