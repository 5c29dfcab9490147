import { cliErrors } from './errors.ts';

/** As the agent takes them (faces/agent/event-schemas.ts). */
export type EventFilters = Partial<Record<(typeof FIELDS)[keyof typeof FIELDS], readonly string[]>>;

const FIELDS = {
  container: 'containers',
  label: 'labels',
  event: 'kinds',
  kind: 'kinds',
  type: 'subjects',
  subject: 'subjects',
  image: 'images',
  volume: 'volumes',
} as const;

/** What users of other clients type, by what it is called here. */
const KIND_ALIASES: Readonly<Record<string, readonly string[]>> = {
  create: ['created'],
  start: ['started'],
  pause: ['paused'],
  unpause: ['unpaused'],
  update: ['updated'],
  die: ['terminated'],
  died: ['terminated'],
  restart: ['restarted'],
  health_status: ['health'],
  destroy: ['removed'],
  remove: ['removed'],
  delete: ['removed'],
  pull: ['pulled'],
  push: ['pushed'],
  copy: ['copied'],
  tag: ['tagged'],
  untag: ['untagged'],
  load: ['loaded'],
  import: ['imported'],
  save: ['saved'],
  commit: ['committed'],
};
const KINDS = new Set([
  ...[
    'created',
    'started',
    'paused',
    'unpaused',
    'updated',
    'oom',
    'terminated',
    'restarting',
    'restarted',
    'health',
    'readiness',
    'removed',
    'pulled',
    'pushed',
    'copied',
    'tagged',
    'untagged',
    'loaded',
    'imported',
    'saved',
    'committed',
  ],
]);
const SUBJECTS = new Set(['container', 'image', 'volume']);

/** `container=web`, `label=tier=front`, `event=oom`, `type=image` … @throws {EngineError} `cli.badValue` */
export function parseEventFilters(texts: readonly string[]): EventFilters {
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const [, word = '', value = ''] = /^([a-z]+)=(.+)$/s.exec(text) ?? [];
    if (!Object.hasOwn(FIELDS, word)) throw bad(text, `${Object.keys(FIELDS).join('=, ')}= with a value`);
    const field = FIELDS[word as keyof typeof FIELDS];
    const list = filters[field] ?? [];
    list.push(...valuesOf(field, value, text));
    filters[field] = list;
  }
  return filters;
}

function valuesOf(field: string, value: string, text: string): readonly string[] {
  if (field === 'subjects' && !SUBJECTS.has(value)) throw bad(text, `one of ${[...SUBJECTS].join(', ')}`);
  if (field !== 'kinds') return [value];
  const kinds = Object.hasOwn(KIND_ALIASES, value) ? (KIND_ALIASES[value] ?? []) : [value];
  if (!kinds.every((kind) => KINDS.has(kind))) throw bad(text, `one of ${[...KINDS].join(', ')}`);
  return kinds;
}

function bad(value: string, wanted: string): Error {
  return cliErrors.badValue({ option: '--filter', value, wanted });
}
