import { expect, test } from 'vitest';
import { testImages } from '../image/images.fixture.ts';
import type { Digest } from '../model/digest.ts';
import type { Image } from '../model/image-config.ts';
import type { ImageFault } from '../model/image-upkeep.ts';
import type { EngineHost } from './host.ts';
import { verifyImages } from './verify-images.ts';

const CHAIN_ID = `sha256:${'c'.repeat(64)}` as Digest;
const ID = `sha256:${'1'.repeat(64)}` as Digest;

test('what was made of a tree that could not be looked at is neither held against it nor taken away', async () => {
  const seen: Digest[] = [];
  const blob = { part: 'layer', digest: ID, state: 'damaged', found: 'it differs', isRepaired: false } as const;
  const verifiedWith = async (fault: ImageFault) => {
    const verify = async () => [{ id: ID, references: [], faults: [fault], uncheckedLayers: 0 }];
    const images = testImages({
      find: async () => ({ id: ID, chainIds: [CHAIN_ID] }) as unknown as Image,
      upkeep: { ...testImages({}).upkeep, verify },
    });
    const verifyLayer = async (chainId: Digest) => void seen.push(chainId);
    const host = { images, provisioner: { verifyLayer }, registry: { all: () => [] } } as unknown as EngineHost;
    await verifyImages(host, { images: [], repair: true }, new AbortController().signal);
  };
  await verifiedWith({ ...blob, uncheckedTree: CHAIN_ID });
  expect(seen).toEqual([]);
  await verifiedWith(blob);
  expect(seen).toEqual([CHAIN_ID]);
});
