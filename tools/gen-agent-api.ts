/** Generates docs/openapi.json and the tables of docs/agent-api.md from the routes; with `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { nodeEffects } from '../src/base/effects/node-effects.ts';
import { Tokens } from '../src/faces/agent/access/tokens.ts';
import { LoggingLevel } from '../src/faces/agent/diagnostics/logging-level.ts';
import { markdownOf, openApiOf } from '../src/faces/agent/reference.ts';
import { agentRoutes } from '../src/faces/agent/routes.ts';

const OPENAPI = new URL('../docs/openapi.json', import.meta.url);
const GUIDE = new URL('../docs/agent-api.md', import.meta.url);
const BEGIN = '<!-- generated: npm run gen -->';
const END = '<!-- end -->';

/** The routes of an agent that never answers: only their shapes are read. */
function shapes() {
  const { files, clock, random } = nodeEffects();
  const tokens = { tokens: new Tokens({ files, clock, random, path: '' }), openTokenSocket: async () => {} };
  const version = { version: '', protocol: 0, node: '', pid: 0, rootDir: '', stateDir: '' };
  const logging = new LoggingLevel(clock, { level: 'info' });
  return agentRoutes({ files, clock, version, probe: '', logging, tokens });
}

function guide(current: string): string {
  const [head = '', rest = ''] = current.split(BEGIN);
  const tail = rest.split(END)[1] ?? '';
  return `${head}${BEGIN}\n\n${markdownOf(shapes())}\n\n${END}${tail}`;
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const currentGuide = readFileSync(GUIDE, 'utf8');
const outputs = [
  { at: OPENAPI, wanted: `${JSON.stringify(openApiOf(shapes(), version), null, 1)}\n` },
  { at: GUIDE, wanted: guide(currentGuide) },
];
for (const { at, wanted } of outputs) {
  if (!process.argv.includes('--check')) {
    writeFileSync(at, wanted);
  } else if (readFileSync(at, 'utf8') !== wanted) {
    process.stderr.write(`docs/${at.pathname.split('/').at(-1)} is not current: run \`npm run gen\`\n`);
    process.exitCode = 1;
  }
}
