import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, Effects, Random } from '../effects.ts';
import { nodeFiles } from './node-files.ts';
import { nodeHelperPort } from './node-helper.ts';
import { nodeServiceManager } from './node-services.ts';

const RANDOM_POOL_BYTES = 4096;

/** The effects of this host, through Node. */
export function nodeEffects(): Effects {
  return {
    files: nodeFiles(),
    helper: nodeHelperPort(),
    services: nodeServiceManager(),
    clock: nodeClock(),
    random: nodeRandom(),
  };
}

function nodeClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: (delayMs, signal) => sleep(delayMs, undefined, signal === undefined ? {} : { signal }),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
}

function nodeRandom(): Random {
  // The kernel is asked for many bytes at a time: each launch wants four small pieces.
  let pool = Buffer.alloc(0);
  return {
    bytes: (count) => {
      if (count > pool.length) pool = randomBytes(Math.max(count, RANDOM_POOL_BYTES));
      const taken = new Uint8Array(pool.subarray(0, count));
      pool = pool.subarray(count);
      return taken;
    },
  };
}
