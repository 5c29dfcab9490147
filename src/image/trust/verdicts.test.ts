import { afterEach, beforeEach, expect, test } from 'vitest';
import { JudgedStore } from './judged-store.fixture.ts';

const ACCEPT = [{ type: 'insecureAcceptAnything' }];

let judged: JudgedStore;
beforeEach(async () => {
  judged = await JudgedStore.start();
});
afterEach(() => judged.stop());

test('each name of one image tells what the policy found by that name, also when it is opened again', async () => {
  const { host } = judged.registry;
  const scopes = [`${host}/app`, `${host}/team`];
  const docker = Object.fromEntries(scopes.map((scope) => [scope, ACCEPT]));
  judged.file('policy.json', JSON.stringify({ default: [{ type: 'reject' }], transports: { docker } }));
  const { manifest } = judged.push();
  judged.push('content', 'team');
  const images = judged.images();
  for (const scope of scopes) await images.pull(`${scope}:1`);
  await images.tag(`${host}/app:1`, 'mine:1');
  for (const opened of [images, judged.images()]) {
    for (const [name, scope] of [
      [`${host}/app:1`, `docker: "${host}/app"`],
      [`${host}/team:1`, `docker: "${host}/team"`],
      ['mine:1', `docker: "${host}/app"`],
    ] as const) {
      expect(await opened.find(name)).toMatchObject({ manifestDigest: manifest.digest, trust: { scope } });
    }
  }
});
