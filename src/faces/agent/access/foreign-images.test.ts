import { expect, test } from 'vitest';
import type { TransferOperations } from '../../../engine/transfer-facade.ts';
import type { Role } from '../../../model/access.ts';
import { confinedTransfers } from './confined-transfers.ts';

const { signal } = new AbortController();
const told = { signal };
const PLACES = [
  'oci:/srv/layout',
  'oci-archive:/srv/x.tar',
  'docker-archive:/srv/x.tar',
  'dir:/srv/root',
  'tar:/srv/x.tar',
  'aci:/srv/x.aci',
  'docker-daemon:app:1',
];

function transfersOf(role: Role): { readonly transfers: TransferOperations; readonly done: string[] } {
  const done: string[] = [];
  const note = (what: string) => async () => {
    done.push(what);
    return { digest: 'sha256:x', target: 'x' } as never;
  };
  const all = {
    copy: note('copy'),
    push: note('push'),
    save: note('save'),
    load: note('load'),
    import: note('import'),
  };
  return { transfers: confinedTransfers(all, { name: 'token ci', grant: { role } }), done };
}

test.each(PLACES)('%s is read and written by the agent for nobody but an administrator', async (place) => {
  const { transfers, done } = transfersOf('operate');
  const refused = { code: 'access.outOfReach', kind: 'permission-denied' };
  await expect(transfers.copy({ source: place, target: 'app' }, told)).rejects.toMatchObject(refused);
  await expect(transfers.copy({ source: 'app', target: place }, told)).rejects.toMatchObject(refused);
  await expect(transfers.push({ image: 'app', target: place }, told)).rejects.toMatchObject(refused);
  expect(done).toEqual([]);
  const admin = transfersOf('admin');
  await admin.transfers.copy({ source: place, target: place }, told);
  await admin.transfers.push({ image: 'app', target: place }, told);
  expect(admin.done).toEqual(['copy', 'push']);
});

test.each(['app', 'aci:example.com/app', 'aci:https://example.com/app.aci'])(
  '%s is copied for whoever may pull it',
  async (source) => {
    const { transfers, done } = transfersOf('operate');
    await transfers.copy({ source, target: 'registry.example/app' }, told);
    await transfers.push({ image: 'app' }, told);
    await transfers.save({ images: ['app'], format: 'oci-archive' }, signal);
    expect(done).toEqual(['copy', 'push', 'save']);
  },
);
