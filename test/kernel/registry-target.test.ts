import { afterAll, beforeAll, describe } from 'vitest';
import { targetContract } from '../../src/image/target.contract.ts';
import { TransferPlace } from '../../src/image/transfer/transfer-ports.fixture.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';

const missing = missingPrograms(['docker-registry', 'setpriv']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

describe.skipIf(missing.length > 0)(`a registry as a target${lacks}`, () => {
  let registry: RegistryProgram;
  let repositories = 0;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry?.stop());

  targetContract("Debian's docker-registry", async () => {
    const place = new TransferPlace();
    // A repository of its own each time: what another one has is not there.
    const text = `${registry.host}/contract/${repositories++}:1`;
    return {
      open: () => place.target(text),
      read: () => place.source(text),
      keepsManifests: true,
      shows: 'with its manifest',
      dispose: async () => place.remove(),
    };
  });
});
