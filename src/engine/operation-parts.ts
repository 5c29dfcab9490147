import type { Engine } from './facade.ts';
import { fileOperations } from './file-operations.ts';
import type { EngineHost } from './host.ts';
import type { Operations } from './operations.ts';
import { registryOperations } from './registry-operations.ts';
import { sandboxOperations } from './sandbox-operations.ts';
import { upkeepOperations } from './upkeep-operations.ts';
import { volumeOperations } from './volume-operations.ts';
import { imageRecordOperations } from './written/image-records.ts';
import { writtenOperations } from './written/written-operations.ts';

/** The parts of an engine whose every call is an operation that idleness and closing know of. */
export function operationParts(
  host: EngineHost,
  operations: Operations,
): Pick<Engine, 'sandboxes' | 'files' | 'volumes' | 'upkeep' | 'registries' | 'written' | 'imageRecords'> {
  const operate: Operations['run'] = (operation) => operations.run(operation);
  return {
    sandboxes: sandboxOperations(host, operate),
    files: fileOperations(host, operate),
    volumes: volumeOperations(host, operate),
    upkeep: upkeepOperations(host, operate),
    registries: registryOperations(host, operate),
    written: writtenOperations(host, operate),
    imageRecords: imageRecordOperations(host.images, operate),
  };
}
