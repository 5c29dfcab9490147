import type { Isolator } from '../isolators/isolator.ts';
import { mainErrors } from './errors.ts';

/** Names of the isolators that containers may choose from. @throws {EngineError} `main.unknownIsolators` */
export function permittedIsolators(
  isolators: readonly Isolator[],
  chosen: readonly string[] | undefined,
): readonly string[] {
  const known = isolators.map(({ name }) => name);
  if (chosen === undefined) return known;
  const unknown = chosen.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw mainErrors.unknownIsolators({ unknown, known });
  return chosen;
}
