import type { ContainerJson } from './container-json.ts';
import { cliErrors } from './errors.ts';

export interface Filter {
  readonly key: 'name' | 'label' | 'state' | 'uid' | 'image';
  readonly value: string;
}

/** States as the agent tells them, and the words of other engines for them. */
const STATES: Readonly<Record<string, string>> = {
  provisioning: 'provisioning',
  preparing: 'preparing',
  isolating: 'isolating',
  fetching: 'fetching',
  prepared: 'prepared',
  created: 'prepared',
  running: 'running',
  paused: 'paused',
  destroying: 'destroying',
  terminated: 'terminated',
  exited: 'terminated',
};

/** What users of other clients type, by what it is called here. */
const ALIASES: Readonly<Record<string, string>> = { status: 'state', id: 'uid', ancestor: 'image' };

/** `state=running`, `label=tier` or `label=tier=front`; `status=exited` too. @throws {EngineError} `cli.badValue` */
export function parseFilter(text: string): Filter {
  const [, word = '', value = ''] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
  const key = ALIASES[word] ?? word;
  if (!isKey(key)) {
    const wanted = 'name=, label=, state=, uid= or image= with a value';
    throw cliErrors.badValue({ option: '--filter', value: text, wanted });
  }
  if (key !== 'state') return { key, value };
  const state = STATES[value];
  if (state === undefined) {
    const wanted = `${word}= with one of ${Object.keys(STATES).join(', ')}`;
    throw cliErrors.badValue({ option: '--filter', value: text, wanted });
  }
  return { key, value: state };
}

function isKey(key: string): key is Filter['key'] {
  return ['name', 'label', 'state', 'uid', 'image'].includes(key);
}

/** Whether a container is one that the filter lets through. */
export function passes(container: ContainerJson, { key, value }: Filter): boolean {
  switch (key) {
    case 'name':
      return container.name.includes(value);
    case 'state':
      return container.state === value;
    case 'uid':
      return container.uid.startsWith(value);
    case 'image':
      return container.config.rootfs.reference === value;
    case 'label': {
      const at = value.indexOf('=');
      const found = container.config.labels[at < 0 ? value : value.slice(0, at)];
      return found !== undefined && (at < 0 || found === value.slice(at + 1));
    }
  }
}
