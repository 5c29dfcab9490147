import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AGENT_NODE_FLAGS } from './node-flags.ts';

test('the isopod script starts Node with the flags that an agent started by a command has', () => {
  const script = readFileSync(join(import.meta.dirname, '../../isopod'), 'utf8');
  expect(/exec "\$node" (.*) -- /.exec(script)?.[1]?.split(' ')).toEqual(AGENT_NODE_FLAGS);
});
