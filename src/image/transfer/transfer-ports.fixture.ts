import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { parseImageReference } from '../../model/image-reference.ts';
import { hostPlatform } from '../../model/platform.ts';
import type { Images } from '../images.ts';
import { OpenLayouts } from '../layout/open-layouts.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { Registries } from '../registry/registries.ts';
import type { ImageSource } from '../source.ts';
import { KeyedLock } from '../store/keyed-lock.ts';
import type { ImageTarget } from '../target.ts';
import { type ImageTransfers, imageTransfers } from './image-transfers.ts';
import { openSource, type SourcePorts, sourcePorts } from './open-source.ts';
import { openTarget, type TargetPorts } from './open-target.ts';
import { transferImage } from './transfer.ts';

/** A directory for files of a test and one for what is held, with the ports of real sources and targets. */
export class TransferPlace {
  readonly root = mkdtempSync(join(tmpdir(), 'isopod-transfer-'));
  readonly held = join(this.root, 'held');
  readonly ports: SourcePorts & TargetPorts;
  readonly signal: AbortSignal = new AbortController().signal;

  constructor(dockerHost: string = `unix://${this.root}/docker.sock`) {
    const effects = nodeEffects();
    const registries = new Registries(effects);
    const connectWorker = () => Promise.reject(new Error('no helper runs here'));
    const sources = sourcePorts({
      ...{ effects, root: this.held, limits: DEFAULT_LIMITS, registries, connectWorker },
      ...{ dockerHost: { host: dockerHost }, platform: hostPlatform() },
    });
    this.ports = {
      ...sources,
      effects,
      root: this.held,
      registries,
      turns: new KeyedLock(),
      layouts: new OpenLayouts(),
    };
  }

  /** The copies of a machine whose Docker engine is that of this place; it has no images of its own. */
  transfers(): ImageTransfers {
    const images = {} as Images;
    return imageTransfers({ ...this.ports, images });
  }

  path(name: string): string {
    return join(this.root, name);
  }

  source(text: string): ImageSource {
    const reference = parseImageReference(text);
    if (reference.kind === 'embedded') throw new Error('no source');
    return openSource(reference, this.ports);
  }

  target(text: string): Promise<ImageTarget> {
    return openTarget(parseImageReference(text), this.ports);
  }

  /** @returns the digest of what the target names */
  async copy(from: string, to: string, platforms: 'all' | 'own' = 'own'): Promise<string> {
    const source = this.source(from);
    const target = await this.target(to);
    try {
      const { digest } = await transferImage(source, target, {
        ...{ limits: DEFAULT_LIMITS, signal: this.signal },
        platforms: platforms === 'all' ? 'all' : hostPlatform(),
      });
      await target.finish(this.signal);
      return digest;
    } finally {
      source.close();
      await target.close();
    }
  }

  /** Files that are held for a while, and nobody let go. */
  async leftovers(): Promise<readonly string[]> {
    const names = await readdir(this.held).catch(() => []);
    return names.filter((name) => name.startsWith('.tmp-'));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
