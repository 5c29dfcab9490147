import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { AGENT_ATTEMPTS, type Attempt, FOREIGN_ATTEMPTS, LAUNCH_ATTEMPTS } from './support/delegated-attempts.ts';
import { DelegatedJob, type JobAnswer, type Question } from './support/delegated-job.ts';

const MARK = 'none-of-your-business';
const ATTEMPTS = [...FOREIGN_ATTEMPTS, ...LAUNCH_ATTEMPTS, ...AGENT_ATTEMPTS];

/** A job in a container that was given the agent, and wants more of it than itself. */
describe.skipIf(!existsSync('/bin/busybox'))('the reach of a delegated job (busybox)', () => {
  let host: IsopodHost;
  let job: DelegatedJob;
  let names: Readonly<Record<string, string>>;
  let before: unknown;
  const answers = new Map<Attempt, JobAnswer>();
  /** The same requests about what is nowhere. */
  const nowhere = new Map<Attempt, JobAnswer>();

  beforeAll(async () => {
    host = await IsopodHost.make();
    const image = host.busyboxImage();
    await host.expect(['pull', image]);
    const shell = [image, 'sh', '-c', `echo ${MARK}; exec sleep 1000`];
    await host.expect(['run', '-d', '--name', 'theirs', '-e', `A=${MARK}`, '-v', 'their-data:/data', ...shell]);
    await host.expect(['run', '-d', '--name', 'inner', '--parent', 'theirs', ...shell]);
    const { uid, sandboxDir } = await host.inspect('theirs');
    writeFileSync(join(sandboxDir, 'secret'), MARK);
    const session = await host.api.expect<{ id: string }>('POST', '/v1/containers/theirs/exec', {
      command: ['sleep', '1000'],
    });
    job = await DelegatedJob.start(host, 'job', ['-m', '1g', '--pids-limit', '100']);
    names = { theirs: uid, session: session.id, image, job: (await host.inspect('job')).uid };
    before = await everything();
    const asked = ATTEMPTS.map((attempt) => question(attempt));
    for (const [index, answer] of (await job.ask(asked)).entries()) answers.set(ATTEMPTS[index] as Attempt, answer);
    const elsewhere = FOREIGN_ATTEMPTS.map((attempt) => absent(question(attempt)));
    for (const [index, answer] of (await job.ask(elsewhere)).entries()) {
      nowhere.set(FOREIGN_ATTEMPTS[index] as Attempt, answer);
    }
  });
  afterAll(() => host.close());

  function question([, request, body]: Attempt): Question {
    const fill = (text: string) => text.replace(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole);
    const [method = '', path = ''] = fill(request).split(' ');
    return { method, path, ...(body !== undefined && { body: JSON.parse(fill(JSON.stringify(body))) }) };
  }
  /** With every name replaced by one that nothing has. */
  function absent(one: Question): Question {
    const text = JSON.stringify(one).replaceAll(names.theirs ?? '', '0123456789ab');
    return JSON.parse(text.replaceAll(names.session ?? '', '0123456789ac').replaceAll(/theirs|their-data/g, 'nobody'));
  }
  const everything = async (): Promise<unknown> => ({
    containers: (await host.list()).map(({ uid, state, pid, command }) => ({ uid, state, pid, command })),
    volumes: (await host.expect(['volume', 'ls', '-q'])).split('\n'),
    tokens: JSON.parse(await host.expect(['token', 'list', '--json'])).length,
    images: await host.expect(['images', '-q']),
    limits: await host.api.expect('GET', '/v1/containers/job').then((one) => (one as { config: object }).config),
  });

  test.each(ATTEMPTS)('it does not %s', (...attempt) => {
    const tried = ATTEMPTS.find(([what]) => what === attempt[0]) as Attempt;
    const [, , , status, code] = tried;
    const answer = answers.get(tried);
    expect(answer?.text).not.toContain(MARK);
    expect([answer?.status, code === '' ? '' : JSON.parse(answer?.text ?? '').code], answer?.text).toEqual([
      status,
      code,
    ]);
  });

  test.each(FOREIGN_ATTEMPTS)('that one is there is not told to who wants to %s', (...attempt) => {
    const tried = FOREIGN_ATTEMPTS.find(([what]) => what === attempt[0]) as Attempt;
    const known = question(tried);
    const [there, missing] = [answers.get(tried), nowhere.get(tried)];
    expect(missing?.status).toBe(there?.status);
    const nameless = (text = '') =>
      text
        .replaceAll(/theirs|their-data|nobody|0123456789a[bc]/g, 'X')
        .replaceAll(known.path.split('/')[3] ?? 'X', 'X');
    const bare = (text = '') => nameless(text.replaceAll(names.theirs ?? '', 'X').replaceAll(names.session ?? '', 'X'));
    expect(bare(missing?.text)).toBe(bare(there?.text));
  });

  test('lists hold itself alone, and what it does to those leaves others as they are', async () => {
    const [containers, stats, volumes, pruned, gone, state] = await job.ask([
      { method: 'GET', path: '/v1/containers' },
      { method: 'GET', path: '/v1/stats?all=true' },
      { method: 'GET', path: '/v1/volumes' },
      { method: 'POST', path: '/v1/volumes/prune', body: { all: true } },
      { method: 'POST', path: '/v1/containers/prune', body: { volumes: true } },
      { method: 'POST', path: '/api/v1', body: { type: 'GET_CONTAINERS', get_containers: { show_nested: true } } },
    ]);
    const uids = (answer?: JobAnswer) => [...(answer?.text ?? '').matchAll(/"uid":"(\w+)"/g)].map(([, uid]) => uid);
    expect(new Set(uids(containers))).toEqual(new Set([names.job]));
    expect(new Set(uids(stats))).toEqual(new Set([names.job]));
    expect([volumes?.text, pruned?.text].join()).not.toContain('their');
    expect(gone?.text).toBe('{"removed":[]}');
    expect(state?.text).not.toContain('theirs');
    expect(await everything()).toEqual(before);
  });

  test('events of others are not told, neither later nor at once', async () => {
    const [told] = await job.ask([{ method: 'GET', path: `/v1/events?sinceMs=0&untilMs=${Date.now()}` }]);
    expect(told?.status).toBe(200);
    const lines = (told?.text ?? '').trim().split('\n').filter(Boolean);
    const subjects = lines.map((line) => JSON.parse(line)).filter(({ uid }) => uid !== undefined);
    expect(new Set(subjects.map(({ uid }) => uid))).toEqual(new Set([names.job]));
    expect(told?.text).not.toMatch(/their|none-of/);
  });

  test('a limit of a child in the groups of the job is no way to the limit of the job', async () => {
    const child = {
      ...{ rootfs: { kind: 'image', reference: names.image }, pull: 'never', command: ['sleep', '1000'] },
      ...{ parent: 'job', name: 'child', shareCgroups: true },
    };
    const limits = { resources: { pidsLimit: 5000, memoryLimitBytes: 2 ** 40 } };
    const [launched, changed] = await job.ask([
      { method: 'POST', path: '/v1/containers', body: child },
      { method: 'POST', path: '/v1/containers/job%2Fchild/update', body: limits },
    ]);
    expect(launched?.status).toBe(201);
    expect([changed?.status, changed?.text]).toEqual([400, expect.stringContaining('nesting.')]);
    const limit = host.view
      .groups()
      .filter((group) => group.endsWith(`/containers/${names.job}`) && existsSync(join(group, 'pids.max')))
      .map((group) => readFileSync(join(group, 'pids.max'), 'utf8').trim());
    expect(limit).toEqual(['100']);
    await host.expect(['rm', '-f', 'job/child']);
  });

  test('root of the job has nothing on the socket without the token, and no other socket', async () => {
    const { code, stderr } = await job.script('ISOPOD_TOKEN= isopod ps');
    expect([code, stderr]).toEqual([125, expect.stringContaining('with a token only')]);
    const { stdout } = await job.script(
      'ls /run/isopod; echo x >/run/isopod/y; busybox rm /run/isopod/sock; ls /run/isopod',
    );
    expect(stdout).toBe('sock\nsock\n');
  });

  test('every refusal is a line of the audit log, with who was refused', () => {
    const log = readFileSync(join(host.root, 'audit.log'), 'utf8').trim().split('\n');
    const lines = log.map((line) => JSON.parse(line));
    const refused = lines.filter(({ who, outcome }) => who?.startsWith('token job (') && outcome === 'refused');
    const codes = ATTEMPTS.map(([, , , , code]) => code).filter((code) => code.startsWith('access.'));
    const told = new Set(refused.map(({ code }) => code));
    expect(codes.filter((code) => !told.has(code))).toEqual([]);
    expect(refused.length).toBeGreaterThanOrEqual(codes.length);
  });
});
