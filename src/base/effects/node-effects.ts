import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Effects, Random } from '../effects.ts';
import { nodeFiles } from './node-files.ts';
import { nodeHelperPort } from './node-helper.ts';

/** The effects of this host, through Node. */
export function nodeEffects(): Effects {
  return { files: nodeFiles(), helper: nodeHelperPort(), clock: nodeClock(), random: nodeRandom() };
}

function nodeClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: (delayMs, signal) => sleep(delayMs, undefined, signal === undefined ? {} : { signal }),
  };
}

function nodeRandom(): Random {
  return { bytes: (count) => randomBytes(count) };
}
