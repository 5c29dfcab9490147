import { isEngineError } from '../../../model/error.ts';
import { parseImageReference } from '../../../model/image-reference.ts';
import type { RegistryCredential } from '../../../model/registry-credential.ts';
import type { CliContext } from '../context.ts';
import { visible } from '../format.ts';
import { configPath, readConfig } from './config-file.ts';
import { helperGet } from './credential-helper.ts';
import { helperOf, storedCredential } from './docker-config.ts';

/**
 * What the caller has noted for a registry: in `config.json`, or with the helper that it names.
 *
 * @param place.repository for what is noted for a part of the registry alone
 * @throws {EngineError} `docker-config.malformed`, `credential-helper.*`
 */
export async function notedCredential(
  context: CliContext,
  place: { readonly registry: string; readonly repository?: string },
): Promise<RegistryCredential | undefined> {
  const path = configPath(context);
  if (path === undefined) return undefined;
  const { registry, repository = '' } = place;
  const config = await readConfig(path);
  const helper = helperOf(config, registry);
  const kept = helper === undefined ? undefined : await helperGet(context, helper, registry);
  return kept ?? storedCredential(config, { registry, repository, path });
}

/**
 * What to show to the registry of an image; `undefined` for an image of none. A note that cannot be read is told and gone on without,
 * for most images are for everybody.
 */
export async function credentialForImage(
  context: CliContext,
  reference: string,
): Promise<RegistryCredential | undefined> {
  const parsed = parseImageReference(reference);
  if (parsed.kind !== 'registry') return undefined;
  try {
    return await notedCredential(context, parsed);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    context.stderr.write(`isopod: ${visible(error.message)}; going on without a login\n`);
    return undefined;
  }
}
