import { chmod, mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { systemErrorCode } from '../../../model/error.ts';
import type { CliContext } from '../context.ts';
import { type DockerConfig, dockerConfigErrors, EMPTY_CONFIG, parseDockerConfig } from './docker-config.ts';

/**
 * The caller's own `config.json`: what REGISTRY_AUTH_FILE names, else in the folder that DOCKER_CONFIG names, else in `~/.docker`. It is
 * never the agent's, who serves others too.
 */
export function configPath({ env, cwd }: Pick<CliContext, 'env' | 'cwd'>): string | undefined {
  const { REGISTRY_AUTH_FILE: file, DOCKER_CONFIG: folder, HOME: home } = env;
  if (file) return resolve(cwd, file);
  if (folder) return join(resolve(cwd, folder), 'config.json');
  return home ? join(home, '.docker', 'config.json') : undefined;
}

/** Without the file: as if it were empty. @throws {EngineError} `docker-config.malformed` */
export async function readConfig(path: string): Promise<DockerConfig> {
  try {
    return parseDockerConfig(await readFile(path, 'utf8'), path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return EMPTY_CONFIG;
    if (code === undefined || code.includes('.')) throw error;
    throw dockerConfigErrors.malformed({ path, reason: `it cannot be read: ${code}` }, error);
  }
}

/** Replaces the file at once, for its owner's eyes alone; where it is a link, what the link leads to. */
export async function writeConfig(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const temporary = `${target}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await chmod(temporary, 0o600);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw dockerConfigErrors.malformed({ path: target, reason: `it cannot be written: ${code}` }, error);
  }
}
