import { FakeRegistry } from './fake-registry.fixture.ts';
import { FakeUploads } from './registry/fake-uploads.fixture.ts';
import { type TargetUnderTest, targetContract } from './target.contract.ts';
import { TransferPlace } from './transfer/transfer-ports.fixture.ts';

async function local(kind: string, keepsManifests: boolean): Promise<TargetUnderTest> {
  const place = new TransferPlace();
  const text = `${kind}:${place.path('made')}:app:1`;
  return {
    open: () => place.target(text),
    read: () => place.source(text),
    keepsManifests,
    dispose: async () => place.remove(),
  };
}

targetContract('a layout', () => local('oci', true));
targetContract('a layout in an archive', () => local('oci-archive', true));
targetContract('what docker load reads', async () => ({
  ...(await local('docker-archive', false)),
  isWrittenOnce: true,
}));
targetContract('a registry', async () => {
  const [place, registry] = [new TransferPlace(), await FakeRegistry.start()];
  new FakeUploads(registry);
  const text = `${registry.host}/team/app:1`;
  return {
    open: () => place.target(text),
    read: () => place.source(text),
    keepsManifests: true,
    dispose: async () => {
      place.remove();
      await registry.stop();
    },
  };
});
