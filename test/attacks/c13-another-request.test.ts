import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { NaiveAuthorizer } from './support/naive-authorizer.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}
interface Way {
  readonly socketPath: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Attack {
  readonly what: string;
  readonly text: () => string;
  readonly framing?: 'length' | 'chunks';
}

/**
 * CVE-2024-41110, CVE-2026-34040: who decides looks at another request than the one that is done. The attacker may run
 * containers, and wants the host's files in one.
 */
describe.skipIf(!existsSync('/bin/busybox'))('C13, decisions about another request (needs busybox-static)', () => {
  let host: IsopodHost;
  let naive: NaiveAuthorizer;
  let ours: Way;
  /** What reads a secret of the host; it ends with 0 where it has it. */
  let stealing: Readonly<Record<string, unknown>>;
  let honest: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    host = await IsopodHost.make();
    const secrets = join(host.directory, 'secrets');
    mkdirSync(secrets);
    writeFileSync(join(secrets, 'file'), 'of the host\n');
    const reference = host.busyboxImage();
    await host.expect(['pull', reference]);
    const volumes = [{ kind: 'host-path', hostPath: secrets, containerPath: '/secrets', readOnly: true }];
    honest = { rootfs: { kind: 'image', reference }, pull: 'never', autoRemove: true, command: ['true'] };
    stealing = { ...honest, command: ['grep', '-q', 'host', '/secrets/file'], volumes };
    naive = await NaiveAuthorizer.listen(join(host.directory, 'naive.sock'), join(host.state, 'agent.sock'));
    const token = await host.expect(['token', 'create', 'guest', '--role', 'operate']);
    ours = { socketPath: join(host.state, 'token', 'sock'), headers: { authorization: `Bearer ${token}` } };
  });
  afterAll(async () => {
    await naive?.close();
    await host?.close();
  });

  function run(way: Way, text: string, framing: 'length' | 'chunks' = 'length'): Promise<Answer> {
    const length: Record<string, string> =
      framing === 'length' ? { 'content-length': String(Buffer.byteLength(text)) } : { 'transfer-encoding': 'chunked' };
    const headers = { 'content-type': 'application/json', ...way.headers, ...length };
    const options: RequestOptions = {
      socketPath: way.socketPath,
      method: 'POST',
      path: '/v1/runs',
      headers,
      agent: false,
    };
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => resolve(answerOf(response)));
      sent.on('error', reject);
      sent.end(text);
    });
  }
  const through = (): Way => ({ socketPath: naive.path, headers: {} });
  const isRun = ({ status, text }: Answer): boolean =>
    status === 200 && text.includes('"exitStatus":{"kind":"exited","code":0}');

  /** Bytes that ask for the secret, and that each deceive somebody else. */
  const attacks: readonly Attack[] = [
    { what: 'a body whose length is not said', framing: 'chunks', text: () => JSON.stringify(stealing) },
    {
      what: 'a body whose wish stands behind what is looked at',
      text: () => `{${' '.repeat(100_000)}${JSON.stringify(stealing).slice(1)}`,
    },
    { what: 'a field that is there twice', text: () => `{"volumes":[],${JSON.stringify(stealing).slice(1)}` },
    {
      what: 'a field whose name is written in another way',
      text: () => JSON.stringify(stealing).replace('"volumes"', '"v\\u006flumes"'),
    },
  ];

  test('what is honest is let through by both, and a plain wish for the host by neither', async () => {
    for (const way of [through(), ours]) {
      expect(isRun(await run(way, JSON.stringify(honest)))).toBe(true);
      expect((await run(way, JSON.stringify(stealing))).status).toBe(403);
    }
  });

  test.each(attacks)('$what reaches the host past who looks at bytes, and not with us', async ({ text, framing }) => {
    expect(isRun(await run(through(), text(), framing))).toBe(true);
    const { status, text: told } = await run(ours, text(), framing);
    expect([status, JSON.parse(told).code]).toEqual([403, 'access.outOfReach']);
  });

  test('what is no single request within the bound is none at all', async () => {
    const text = JSON.stringify(stealing);
    const padded = `{${' '.repeat(2 << 20)}${text.slice(1)}`;
    for (const [bytes, answered, code] of [
      ['', 400, 'agent.badField'],
      [`${JSON.stringify(honest)}${text}`, 400, 'agent.notJson'],
      [padded, 413, 'agent.bodyTooLarge'],
    ] as const) {
      const { status, text: told } = await run(ours, bytes);
      expect([status, JSON.parse(told).code]).toEqual([answered, code]);
    }
  });
});

function answerOf(response: IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.once('error', reject);
    response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
}
