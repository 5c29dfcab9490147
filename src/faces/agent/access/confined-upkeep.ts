import type { UpkeepOperations } from '../../../engine/upkeep-facade.ts';
import { scopeText } from '../../../model/access.ts';
import type { Caller } from './decide.ts';
import { accessErrors } from './errors.ts';

/** The disk is everybody's: who is confined to a part of the containers neither clears it up nor is told what is on it. */
export function confinedUpkeep(upkeep: UpkeepOperations, { name: who, grant: { scope } }: Caller): UpkeepOperations {
  if (scope === undefined) return upkeep;
  const refuse = async (): Promise<never> => {
    throw accessErrors.wholeAgent({ who, route: 'the upkeep of the disk', scope: scopeText(scope) });
  };
  return { diskUse: refuse, pruneImages: refuse, verifyImages: refuse };
}
