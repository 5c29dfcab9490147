import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ConnectLayerWorker, LayerWorker } from '../image/layer-store.ts';

/** Unpacked bytes between two collections; what came compressed is no more than that, as a rule. */
const BETWEEN_BYTES = 4 << 20;

/**
 * Collects what is young and dead, among it the buffers of streams. V8 does that when 32 MiB of new buffers stand behind its objects,
 * however small the young generation is (docs/adr/0141).
 */
export function collectYoung(): () => void {
  let collect: NodeJS.GCFunction | undefined;
  return () => {
    collect ??= exposedCollector();
    collect({ type: 'minor' });
  };
}

/** Contexts that are made after the flag have the function; the agent's own has none. */
function exposedCollector(): NodeJS.GCFunction {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as NodeJS.GCFunction;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

/** The same workers; each time so much has been unpacked by them, together, what the streams have left behind is collected. */
export function relievedWorkers(
  connect: ConnectLayerWorker,
  collect: () => void,
  betweenBytes: number = BETWEEN_BYTES,
): ConnectLayerWorker {
  let bytes = 0;
  const passed = (more: number): void => {
    bytes += more;
    if (bytes < betweenBytes) return;
    bytes = 0;
    collect();
  };
  return async (signal) => relieved(await connect(signal), passed);
}

function relieved(worker: LayerWorker, passed: (bytes: number) => void): LayerWorker {
  return {
    run: (...steps) => worker.run(...steps),
    unpack: (options, source) => worker.unpack(options, counted(source, passed)),
    enterRoot: (root) => worker.enterRoot(root),
    measure: (measurement) => worker.measure(measurement),
    close: () => worker.close(),
  };
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  passed: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of source) {
    yield piece;
    passed(piece.length);
  }
}
