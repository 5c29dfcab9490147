import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

interface Row {
  readonly topic: string;
  readonly subject: string;
  readonly planned: string;
  readonly probed: string;
  readonly verdict: string;
}

describe('a security report', () => {
  let isopod: Installation;
  beforeAll(() => {
    isopod = new Installation();
  });
  afterAll(() => isopod.close());

  async function report(
    ...options: string[]
  ): Promise<{ readonly code: number | null; readonly rows: readonly Row[] }> {
    const { code, stdout, stderr } = await isopod.run(['run', '--security-report', '--json', ...options]);
    expect(stderr).toBe('');
    return { code, rows: (JSON.parse(stdout) as { readonly rows: readonly Row[] }).rows };
  }

  const find = (rows: readonly Row[], subject: string): Row | undefined => rows.find((row) => row.subject === subject);

  test('of a container of an image is proved in every line, and leaves nothing', async () => {
    const { code, rows } = await report('hello');
    expect(rows.filter(({ verdict }) => verdict !== 'agrees')).toEqual([]);
    expect(code).toBe(0);
    expect(rows.length).toBeGreaterThan(80);
    expect(find(rows, 'io_uring')?.probed).toBe('refused (ENOSYS)');
    expect(await isopod.expect(['ps', '-aq'])).toBe('');
  });

  test('says what an option has changed', async () => {
    const options = ['--read-only', '--security-opt', 'seccomp=unconfined', '--network', 'host', '-u', '65534'];
    const { code, rows } = await report(...options, 'hello');
    expect(rows.filter(({ verdict }) => verdict !== 'agrees')).toEqual([]);
    expect(code).toBe(0);
    expect(find(rows, 'io_uring')?.probed).toBe('allowed');
    expect(find(rows, 'net')?.probed).toBe("the host's");
    expect(find(rows, 'in effect')?.probed).toBe('none');
    expect(rows.find(({ topic, subject }) => topic === 'writable paths' && subject === '/')?.planned).toBe('read-only');
  });

  test("is made of a container on the host's own files too", async () => {
    const { rows } = await report('--no-image');
    expect(rows.filter(({ verdict }) => verdict === 'differs')).toEqual([]);
  });

  test('tells a call that kills as such', async () => {
    const path = join(isopod.directory, 'kill.json');
    const syscalls = [{ names: ['bpf', 'kcmp'], action: 'SCMP_ACT_KILL_PROCESS' }];
    writeFileSync(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
    const { code, rows } = await report('--security-opt', `seccomp=${path}`, 'hello');
    expect(find(rows, 'bpf')).toMatchObject({ planned: 'killed', probed: 'killed' });
    expect(code).toBe(0);
  });

  test('tells where a container is not what its plan says', async () => {
    const directory = join(isopod.directory, 'read-only');
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'planted', directory]);
    try {
      const { code, rows } = await report('-v', `${directory}:/data`, 'hello');
      expect(rows.filter(({ verdict }) => verdict !== 'agrees')).toMatchObject([
        { subject: '/data', planned: 'writable', probed: 'refused (EROFS)', verdict: 'differs' },
      ]);
      expect(code).toBe(1);
    } finally {
      execFileSync('umount', [directory]);
    }
  });

  test('is made with the secrets, and takes the volumes away that were made for it', async () => {
    const key = join(isopod.directory, 'key');
    writeFileSync(key, 'secret');
    const secrets = ['--secret', `a,source=${key}`, '--secret', `b,source=${key},type=env,target=B`];
    const { rows } = await report(...secrets, '-v', '/anonymous', 'hello');
    expect(rows.filter(({ verdict }) => verdict !== 'agrees')).toEqual([]);
    expect(find(rows, '/anonymous')?.probed).toBe('written');
    expect(await isopod.expect(['volume', 'ls', '-q'])).toBe('');
  });

  test('runs no command, and takes none', async () => {
    const { code, stderr } = await isopod.run(['run', '--security-report', 'hello', 'sh']);
    expect(code).toBe(125);
    expect(stderr).toContain('an image alone');
    expect((await isopod.run(['run', '--json', 'hello'])).stderr).toContain('--security-report beside it');
  });

  test('is a table for people', async () => {
    const text = await isopod.expect(['run', '--security-report', 'hello']);
    expect(text).toMatch(/^ok +system calls +io_uring +linux\/seccomp +refused \(ENOSYS\) +as planned$/m);
  });
});
