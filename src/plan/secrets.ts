import type { Owned } from '../model/launch-plan.ts';
import type { SecretValues, SecretVariable } from '../model/volume.ts';
import { variableName } from './environment.ts';
import { planErrors } from './errors.ts';

/** The value of the slot that a secret is. @throws {EngineError} `plan.secretMissing` (invalid-argument) */
export function secretValue(secrets: SecretValues, secret: string, by: string): Uint8Array {
  const value = secrets.get(secret);
  if (value === undefined) throw planErrors.secretMissing({ secret, by });
  return value;
}

/**
 * The environment of the command with its secret variables: for the frame of a launch alone.
 *
 * @throws {EngineError} `plan.secretMissing`, `plan.secretWithNul` (invalid-argument)
 */
export function withSecrets(
  environment: readonly string[],
  variables: readonly Owned<SecretVariable>[],
  secrets: SecretValues,
): readonly string[] {
  const names = new Set(variables.map(({ variable }) => variable));
  const others = environment.filter((entry) => !names.has(variableName(entry)));
  const values = variables.map(({ variable, secret, by }) => {
    const value = secretValue(secrets, secret, by);
    if (value.includes(0)) throw planErrors.secretWithNul({ secret, variable });
    return `${variable}=${Buffer.from(value).toString('utf8')}`;
  });
  return [...others, ...values];
}
