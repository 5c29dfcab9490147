import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Effects, type HelperConnection, TEMPORARY_PREFIX } from '../../src/base/effects.ts';

/** Numbers effects from the moment that it is told to, and ends this process with SIGKILL before the one that was chosen. */
export class CrashPoint {
  readonly names: string[] = [];
  readonly #at: number;
  #isCounting = false;

  /** @param at number of the effect that is not made any more; from 1 on */
  constructor(at: number) {
    this.#at = at;
  }

  begin(): void {
    this.#isCounting = true;
  }

  /** @param torn leaves what a part of the effect leaves */
  before(what: string, torn: () => void = () => {}): void {
    if (!this.#isCounting) return;
    this.names.push(what);
    if (this.names.length !== this.#at) return;
    torn();
    process.kill(process.pid, 'SIGKILL');
    // The signal is delivered by now; should it ever be late, nothing more is done.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}

/** The same effects, each counted before it is made. An atomic write is cut in the middle: its temporary file stays. */
export function crashingEffects(effects: Effects, point: CrashPoint): Effects {
  const count = (name: string, args: readonly unknown[]): void => {
    const torn = name === 'writeAtomic' ? () => tear(String(args[0]), args[1]) : undefined;
    point.before(`${name} ${typeof args[0] === 'string' ? args[0] : ''}`.trim(), torn);
  };
  const { connect } = effects.helper;
  return {
    files: counted(
      {
        ...effects.files,
        openAppender: async (path, mode) => {
          const appender = await effects.files.openAppender(path, mode);
          return counted(appender, (name) => point.before(`${name} of ${path}`));
        },
        openWriter: async (directory, mode) => {
          const writer = await effects.files.openWriter(directory, mode);
          return counted(writer, (name) => point.before(`${name} in ${directory}`));
        },
      },
      count,
    ),
    helper: counted(
      {
        ...effects.helper,
        connect: async (path: string, signal?: AbortSignal): Promise<HelperConnection> =>
          counted(await connect(path, signal), (name) => {
            if (name !== 'receive') point.before(`${name} to ${path}`);
          }),
      },
      count,
    ),
    services: counted(effects.services, count),
    clock: effects.clock,
    random: effects.random,
  };
}

function counted<Port extends object>(port: Port, count: (name: string, args: readonly unknown[]) => void): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        count(String(name), args);
        return member.apply(target, args);
      };
    },
  });
}

function tear(path: string, content: unknown): void {
  const half = String(content).slice(0, String(content).length >> 1);
  try {
    writeFileSync(join(dirname(path), `${TEMPORARY_PREFIX}torn`), half);
  } catch {
    // its directory is not there: the write itself would have been refused
  }
}
