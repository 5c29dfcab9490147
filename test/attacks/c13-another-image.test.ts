import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { Registries } from '../../src/image/registry/registries.ts';
import { imageTransfers } from '../../src/image/transfer/image-transfers.ts';
import type { ImageTrust } from '../../src/image/trust/image-trust.ts';
import { JudgedStore } from '../../src/image/trust/judged-store.fixture.ts';
import { payloadOf } from '../../src/image/trust/local-sigstore.fixture.ts';

const signal = new AbortController().signal;

/** CVE-2024-41110 in another place: what is judged is what is done, whatever a registry says the second time. */
describe('C13, an image other than the one that was judged', () => {
  let judged: JudgedStore;
  let signedDigest: string;
  let app: string;

  beforeEach(async () => {
    judged = await JudgedStore.start();
    app = `${judged.registry.host}/app:1`;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { manifest } = judged.push('signed');
    signedDigest = manifest.digest;
    const bytes = payloadOf(signedDigest, app);
    const annotations = { 'dev.cosignproject.cosign/signature': sign('sha256', bytes, privateKey).toString('base64') };
    judged.putSignatures(signedDigest, [{ bytes, annotations }]);
    const keyPath = judged.file('key.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
    judged.require({ type: 'sigstoreSigned', keyPath });
  });
  afterEach(() => judged.stop());

  /** Judges as the policy says, and moves the tag before anything is done with the answer. */
  function movedAfterwards(): ImageTrust {
    const trust = judged.trust();
    return {
      check: async (candidate) => {
        const verdict = await trust.check(candidate);
        judged.push('evil');
        return verdict;
      },
    };
  }

  test('comes where the tag is asked again after the judgement, and not with us: a pull', async () => {
    const images = judged.store.open({ trust: movedAfterwards() });
    expect((await images.pull(app)).manifestDigest).toBe(signedDigest);
    const naive = judged.store.open(); // judged a moment ago, so it is pulled without a look
    expect((await naive.pull(app)).manifestDigest).not.toBe(signedDigest);
    await expect(judged.images().pull(app)).rejects.toMatchObject({ code: 'trust.unsigned' });
  });

  test.each([false, true])('nor does it come by a copy (all platforms: %s)', async (all) => {
    const transfers = imageTransfers({
      ...{ effects: nodeEffects(), root: judged.place.root, registries: new Registries(nodeEffects()) },
      images: judged.images(),
      connectWorker: () => Promise.reject(new Error('no helper runs here')),
      trust: movedAfterwards(),
    });
    const target = `oci:${judged.place.root}/copied`;
    expect((await transfers.copy({ source: app, target, all }, { signal })).digest).toBe(signedDigest);
    await expect(transfers.copy({ source: app, target, all }, { signal })).rejects.toMatchObject({
      code: 'trust.unsigned',
    });
  });

  test('a signature that is served for another image, or stripped, lets nothing in', async () => {
    const evil = judged.push('evil');
    const tag = `${signedDigest.replace(':', '-')}.sig`;
    const stolen = judged.registry.contentOf(`/v2/app/manifests/${tag}`);
    const evilTag = `/v2/app/manifests/${evil.manifest.digest.replace(':', '-')}.sig`;
    await expect(judged.images().pull(app)).rejects.toMatchObject({ code: 'trust.unsigned' });
    judged.registry.put(evilTag, stolen ?? Buffer.alloc(0), 'application/vnd.oci.image.manifest.v1+json');
    await expect(judged.images().pull(app)).rejects.toMatchObject({ code: 'trust.untrusted' });
    expect(await judged.store.files()).toEqual([]);
  });
});
