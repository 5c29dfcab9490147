import { nodeEffects } from '../../base/effects/node-effects.ts';
import type { Clock, Files } from '../../base/effects.ts';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import { RequestJournal } from './request-journal.ts';

/** The journal of one agent; that of the next has the same files. What goes wrong with it is thrown. */
export function testJournal({
  files = memoryFiles({}),
  clock = nodeEffects().clock,
}: {
  readonly files?: Files;
  readonly clock?: Clock;
} = {}): RequestJournal {
  const report = (what: string, error: unknown): never => {
    throw new Error(what, { cause: error });
  };
  return new RequestJournal({ files, clock, directory: '/requests', report });
}
