import { type TargetUnderTest, targetContract } from './target.contract.ts';
import { TransferPlace } from './transfer/transfer-ports.fixture.ts';

async function local(kind: string, keepsManifests: boolean): Promise<TargetUnderTest> {
  const place = new TransferPlace();
  const text = `${kind}:${place.path('made')}:app:1`;
  return {
    open: () => place.target(text),
    read: () => place.source(text),
    keepsManifests,
    shows: 'with finish',
    dispose: async () => place.remove(),
  };
}

targetContract('a layout', () => local('oci', true));
targetContract('a layout in an archive', () => local('oci-archive', true));
targetContract('what docker load reads', () => local('docker-archive', false));
