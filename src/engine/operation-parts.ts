import type { Engine } from './facade.ts';
import { fileOperations } from './file-operations.ts';
import type { EngineHost } from './host.ts';
import { Operations } from './operations.ts';
import { registryOperations } from './registry-operations.ts';
import { sandboxOperations } from './sandbox-operations.ts';
import { transferOperations } from './transfer-operations.ts';
import { upkeepOperations } from './upkeep-operations.ts';
import { volumeOperations } from './volume-operations.ts';
import { imageRecordOperations } from './written/image-records.ts';
import { writtenOperations } from './written/written-operations.ts';

/** The parts of an engine whose every call is an operation that idleness and closing know of. */
export class EngineParts {
  protected readonly closed = new AbortController();
  protected readonly operations = new Operations(this.closed.signal);
  readonly sandboxes: Engine['sandboxes'];
  readonly files: Engine['files'];
  readonly volumes: Engine['volumes'];
  readonly upkeep: Engine['upkeep'];
  readonly transfers: Engine['transfers'];
  readonly registries: Engine['registries'];
  readonly written: Engine['written'];
  readonly imageRecords: Engine['imageRecords'];

  constructor(host: EngineHost) {
    const operate: Operations['run'] = (operation) => this.operations.run(operation);
    this.sandboxes = sandboxOperations(host, operate);
    this.files = fileOperations(host, operate);
    this.volumes = volumeOperations(host, operate);
    this.upkeep = upkeepOperations(host, operate);
    this.transfers = transferOperations(host, operate);
    this.registries = registryOperations(host, operate);
    this.written = writtenOperations(host, operate);
    this.imageRecords = imageRecordOperations(host.images, operate);
  }
}
