import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IsopodHost } from '../../support/isopod-host.ts';
import type { Result } from './installation.ts';

const BUILD = join(import.meta.dirname, '..', '..', '..', '.build');
/** Where the job finds the socket. */
const SOCKET = '/run/isopod/sock';
const COMMAND = 'isopod() { /opt/node -- /opt/isopod/isopod.cjs "$@"; }; ';

/** Sends each request of its input on the socket, one after the other, and prints the answers. */
const ASKER = `
const { request } = require('node:http');
const ask = ({ method, path, body }) => new Promise((resolve, reject) => {
  const headers = { authorization: 'Bearer ' + process.env.ISOPOD_TOKEN };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const sent = request({ socketPath: '${SOCKET}', method, path, headers, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
    response.on('end', () => resolve({ status: response.statusCode, text }));
  });
  sent.on('error', reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
});
let input = '';
process.stdin.on('data', (chunk) => { input += chunk; }).on('end', async () => {
  const answers = [];
  for (const one of JSON.parse(input)) answers.push(await ask(one));
  process.stdout.write(JSON.stringify(answers));
});
`;

export interface Question {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

export interface JobAnswer {
  readonly status: number;
  readonly text: string;
}

/** A container of busybox that was given the agent: the command line, the directory with the socket, a token for itself. */
export class DelegatedJob {
  readonly #host: IsopodHost;
  readonly #token: string;
  readonly name: string;

  private constructor(host: IsopodHost, name: string, token: string) {
    this.#host = host;
    this.name = name;
    this.#token = token;
  }

  /** @param options further words of `isopod run`: the grant */
  static async start(host: IsopodHost, name: string, options: readonly string[]): Promise<DelegatedJob> {
    const files = join(host.directory, 'job');
    mkdirSync(files, { recursive: true });
    writeFileSync(join(files, 'ask.cjs'), ASKER);
    const shown = [
      ...[`${join(host.state, 'token')}:/run/isopod`, `${process.execPath}:/opt/node`, `${BUILD}:/opt/isopod`],
      `${join(files, 'ask.cjs')}:/opt/ask.cjs`,
      // The libraries of Node, wherever this system has them.
      ...['/lib', '/lib64'].filter((path) => existsSync(path)).map((path) => `${realpathSync(path)}:${path}`),
    ];
    const volumes = shown.flatMap((one) => ['-v', `${one}:ro`]);
    const mount = ['--mount', 'type=sandbox,source=meet,target=/meet'];
    const image = host.busyboxImage();
    await host.expect(['run', '-d', '--name', name, ...volumes, ...mount, ...options, image, 'sleep', '1000']);
    const token = ['token', 'create', name, '--role', 'operate', '--scope', `container=${name}`];
    return new DelegatedJob(host, name, await host.expect(token));
  }

  /** Runs a script in the container, in which `isopod` is the command line. */
  script(text: string): Promise<Result> {
    return this.#run(['/bin/sh', '-c', COMMAND + text]);
  }

  /** Sends requests from within the container. */
  async ask(questions: readonly Question[]): Promise<readonly JobAnswer[]> {
    const { code, stdout, stderr } = await this.#run(['/opt/node', '/opt/ask.cjs'], JSON.stringify(questions));
    if (code !== 0) throw new Error(`the requests from ${this.name} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  #run(command: readonly string[], input?: string): Promise<Result> {
    const env = ['-e', `ISOPOD_HOST=unix://${SOCKET}`, '-e', `ISOPOD_TOKEN=${this.#token}`];
    return this.#host.run(['exec', '-i', ...env, this.name, ...command], input);
  }
}
