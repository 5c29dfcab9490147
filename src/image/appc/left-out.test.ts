import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeTar } from '../embedded/tar-writer.ts';
import type { TransferProgress } from '../transfer/transfer.ts';
import { TransferPlace } from '../transfer/transfer-ports.fixture.ts';

let place: TransferPlace;
beforeEach(() => {
  place = new TransferPlace();
});
afterEach(() => place.remove());

/** What a copy of an appc image with this app warns of. */
async function warningsOf(app: object): Promise<readonly string[]> {
  const manifest = { acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/app', app };
  const content = Buffer.from(JSON.stringify(manifest));
  writeFileSync(place.path('app.aci'), writeTar([{ path: 'manifest', mode: 0o644, content }]));
  const told: string[] = [];
  const onProgress = (event: TransferProgress): void => void (event.kind === 'warning' && told.push(event.message));
  const request = { source: `aci:${place.path('app.aci')}`, target: `oci:${place.path('made')}:app` };
  await place.transfers().copy(request, { onProgress, signal: place.signal });
  return told.map((text) => text.replace(place.path('app.aci'), 'FILE'));
}

test.each([
  ['supplementaryGIDs', { supplementaryGIDs: [10, 11] }, 'supplementaryGIDs 10, 11'],
  [
    'isolators',
    {
      isolators: [
        { name: 'resource/memory', value: { limit: '1G' } },
        { name: 'resource/cpu', value: {} },
      ],
    },
    'isolators resource/memory, resource/cpu',
  ],
  ['eventHandlers', { eventHandlers: [{ name: 'pre-start', exec: ['/x'] }] }, 'eventHandlers pre-start'],
  [
    'readOnly of a mount point',
    {
      mountPoints: [
        { name: 'a', path: '/a', readOnly: true },
        { name: 'b', path: '/b', readOnly: false },
      ],
    },
    'readOnly of mountPoints a',
  ],
  ['a field that nobody knows', { userAnnotations: { a: 'b' }, other: 1 }, 'userAnnotations; other'],
])('%s of an appc image is left out with a warning', async (_, app, leftOut) => {
  expect(await warningsOf({ exec: ['/x'], ...app })).toEqual([
    `of the manifest of aci:FILE this is left out: ${leftOut}`,
  ]);
});

test('an appc image whose fields all have a place comes without a warning', async () => {
  const app = { exec: ['/x'], user: '0', group: '0', eventHandlers: [], mountPoints: [{ name: 'a', path: '/a' }] };
  expect(await warningsOf(app)).toEqual([]);
});
