import type { Files } from '../base/effects.ts';
import { listOrNothing } from '../linux/missing-files.ts';
import type { Container } from './container.ts';
import type { LogFile } from './facade.ts';
import { logDirectory } from './paths.ts';

/** The log files of a container as docs/protocol.md names them, those that exist, newest first. */
export async function logFiles(files: Files, container: Container): Promise<readonly LogFile[]> {
  const { format, maxFiles } = container.config.log;
  const directory = logDirectory(container.paths, format);
  const present = new Set(await listOrNothing(files, directory));
  const pathsOf = (name: string): readonly string[] =>
    Array.from({ length: maxFiles }, (_, index) => (index === 0 ? name : `${name}.${index}`))
      .filter((file) => present.has(file))
      .map((file) => `${directory}/${file}`);
  if (format === 'cri') return [{ format, stream: 'both', paths: pathsOf('container.log') }];
  return (['stdout', 'stderr'] as const).map((stream) => ({ format, stream, paths: pathsOf(stream) }));
}
