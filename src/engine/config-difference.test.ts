import { expect, test } from 'vitest';
import type { ContainerConfig } from '../model/container-config.ts';
import { differingFields } from './config-difference.ts';

const BASE: ContainerConfig = {
  ...{ name: 'one', pull: 'missing', env: ['A=1'], labels: {}, network: 'none', volumes: [], resources: {} },
  rootfs: { kind: 'none' },
  ...{
    devices: [],
    deviceRules: [],
    process: {},
    sysctls: {},
    security: {},
    readOnlyRootfs: false,
    init: false,
    terminal: false,
    stdin: false,
    owned: false,
    autoRemove: false,
  },
  log: { format: 'cri', maxBytes: 1, maxFiles: 1 },
};

test('a config that went through a checkpoint differs in nothing', () => {
  expect(differingFields(BASE, JSON.parse(JSON.stringify(BASE)))).toEqual([]);
});

test('the fields that differ are named, nested ones by their own', () => {
  const other = { ...BASE, env: ['A=2'], resources: { pidsLimit: 1 }, workdir: '/' };
  expect(differingFields(BASE, other)).toEqual(['env', 'resources', 'workdir']);
});
