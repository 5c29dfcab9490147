import { ERRNO } from '../linux/errno.ts';
import { EngineError } from '../model/error.ts';
import type { UserNamespacePlan } from '../model/launch-plan.ts';
import { type Step, step } from '../model/wire.ts';
import { asContainerRoot, idMaps } from '../plan/encode-user.ts';

/** Any ids will do: nobody runs as them. */
const IDS: UserNamespacePlan & { readonly by: string } = {
  uids: [{ container: 0, host: 1, count: 1 }],
  gids: [{ container: 0, host: 1, count: 1 }],
  files: 'idmapped',
  by: 'namespaces/user',
};

/** What is shown under other owners: layers and an upper directory below an overlay, or one tree. */
export type MappedKind = 'overlay' | 'tree';

/** What a kernel or a file system answers that has no idmapped mounts, or no overlay of them (Linux 5.12 and 5.19). */
const REFUSALS: readonly unknown[] = ['EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'].map((name) => ERRNO[name]);

interface ProbePorts {
  readonly runHostSteps: (steps: readonly Step[]) => Promise<void>;
  readonly report: (problem: { readonly what: string; readonly error?: unknown }) => void;
  /** Where layers and the container's own directories are. */
  readonly rootDir: string;
}

/**
 * Whether layers and upper directories can be shown under other owners here. Found out once, by doing it: versions and
 * names of file systems do not tell, for distributions backport and refuse as they like.
 */
export class MappingProbe {
  readonly #ports: ProbePorts;
  readonly #answers = new Map<MappedKind, Promise<boolean>>();

  constructor(ports: ProbePorts) {
    this.#ports = ports;
  }

  /** @throws {EngineError} when it could not be found out, for example because the helper is gone; asked again, it tries again */
  works(kind: MappedKind = 'overlay'): Promise<boolean> {
    const known = this.#answers.get(kind);
    if (known !== undefined) return known;
    const answer = this.#try(kind).catch((error) => {
      this.#answers.delete(kind);
      throw error;
    });
    this.#answers.set(kind, answer);
    return answer;
  }

  async #try(kind: MappedKind): Promise<boolean> {
    const { runHostSteps, report, rootDir } = this.#ports;
    try {
      await runHostSteps(probeSteps(rootDir, kind));
      return true;
    } catch (error) {
      if (!(error instanceof EngineError) || !REFUSALS.includes(error.details.errno)) throw error;
      report({
        what: 'files cannot be shown under other owners here, so containers with a user namespace get copies',
        error,
      });
      return false;
    } finally {
      await runHostSteps([removal(rootDir, kind)]);
    }
  }
}

const NAMES: Readonly<Record<MappedKind, string>> = { overlay: 'mapping-probe', tree: 'tree-mapping-probe' };

function removal(directory: string, kind: MappedKind): Step {
  return step(IDS.by, 'remove-tree', { directory, name: NAMES[kind] });
}

/** The very steps of a launch, on empty directories. */
function probeSteps(rootDir: string, kind: MappedKind): readonly Step[] {
  const top = `${rootDir}/${NAMES[kind]}`;
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => `${top}/${name}`) as [string, string, string];
  const make = (path: string): Step => step(IDS.by, 'make-directory', { path, mode: 0o700, existingOk: 1 });
  const overlay = step(IDS.by, 'create-mapped-overlay', { slot: 0, lower: [lower], upper, work, attributes: 0 });
  const maps = step(IDS.by, 'write-id-maps', idMaps(IDS));
  if (kind === 'tree') {
    const clone = step(IDS.by, 'clone-tree', { slot: 0, path: top, recursive: 0, expect: 1 });
    return [removal(rootDir, kind), make(top), maps, clone, step(IDS.by, 'map-tree', { slot: 0, path: top })];
  }
  return [removal(rootDir, kind), ...[top, lower, upper, work].map(make), maps, ...asContainerRoot(IDS, [overlay])];
}
