import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation, until } from '../e2e/support/installation.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';

/** Swaps a directory and a symlink to the host's directory for each other, as fast as it can. */
const SWAP = 'mkdir real; echo inside > real/file; while :; do mv real d; mv d real; ln -s .. d; rm d; done';

/**
 * CVE-2018-15664, CVE-2021-25741, and the logs of kubelets that are symlinks: a file of a container is read from outside,
 * with rights of the host, by a path that the container has laid.
 */
describe.skipIf(!PlannedHost.isPossible)('C6, files of a sandbox that are read from outside', () => {
  let isopod: Installation;
  let secret: string;
  beforeAll(async () => {
    isopod = new Installation();
    await isopod.expect(['version']);
    secret = join(isopod.directory, 'secret');
    writeFileSync(secret, 'of the host\n', { mode: 0o600 });
  });
  afterAll(() => isopod.close());

  async function containerThat(script: string): Promise<{ readonly name: string; readonly sandboxDir: string }> {
    const uid = await isopod.expect(['run', '-d', '--no-image', '/bin/sh', '-c', `${script}; touch ready; sleep 1000`]);
    const [{ name, sandboxDir }] = JSON.parse(await isopod.expect(['inspect', uid]));
    return { name, sandboxDir };
  }

  function call(type: string, fields: object): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const socketPath = join(isopod.state, 'agent.sock');
      const headers = { 'content-type': 'application/json' };
      const sent = request({ socketPath, method: 'POST', path: '/api/v1', headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      sent.end(JSON.stringify({ type, [type.toLowerCase()]: fields }));
    });
  }
  const read = (path: string) => call('READ_FILE', { path, offset: 0 });

  test('a symlink to a file of the host is followed by who reads the path, and not by us', async () => {
    const { name, sandboxDir } = await containerThat(
      `ln -s ${secret} link; ln -s ../../../.. up; ln -s /proc/1/root magic`,
    );
    await until('it has laid them', async () => (await read(`${name}/ready`)).status === 200);
    expect(readFileSync(join(sandboxDir, 'link'), 'utf8')).toBe('of the host\n');
    expect(readFileSync(join(sandboxDir, 'up', 'secret'), 'utf8')).toBe('of the host\n');
    for (const path of ['link', 'up/secret', `magic${secret}`, `../../../../secret`]) {
      const { status, text } = await read(`${name}/${path}`);
      expect([path, status, text.includes('leads out of the sandbox')]).toEqual([path, 403, true]);
    }
    expect(await call('LIST_FILES', { path: `${name}/up` })).toMatchObject({ status: 403 });
  });

  test('a FIFO holds up who opens it, and not us', async () => {
    const { name } = await containerThat('mkfifo pipe');
    await until('it has made it', async () => (await read(`${name}/ready`)).status === 200);
    expect(await read(`${name}/pipe`)).toMatchObject({ status: 400 });
  });

  test('a path that changes while it is walked gives what is inside, or nothing', async () => {
    const { name } = await containerThat(`(${SWAP}) 2>/dev/null & true`);
    await until('it swaps', async () => (await read(`${name}/ready`)).status === 200);
    const seen = new Set<string>();
    for (let n = 0; n < 500; n += 1) {
      const { status, text } = await read(`${name}/d/file`);
      seen.add(status === 200 ? Buffer.from(JSON.parse(text).read_file.data, 'base64').toString() : 'refused');
      const listed = await call('LIST_FILES', { path: `${name}/d` });
      if (listed.status === 200) {
        const paths = JSON.parse(listed.text).list_files.file_infos.map((info: { path: string }) => info.path);
        expect(paths.filter((path: string) => path !== `${name}/d/file`)).toEqual([]);
      }
    }
    seen.delete('refused');
    expect([...seen].filter((content) => content !== 'inside\n')).toEqual([]);
  });
});
