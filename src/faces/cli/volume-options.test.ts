import { describe, expect, test } from 'vitest';
import { parseSecret } from './secret-options.ts';
import { parseMount } from './volume-mount.ts';
import { parseTmpfs, parseVolume, parseVolumesFrom } from './volume-options.ts';

const BAD = expect.objectContaining({ code: 'cli.badValue' });
const MEANS_NOTHING = expect.objectContaining({ code: 'cli.mountField' });

describe('-v', () => {
  test('is a host path, absolute or from here', () => {
    const hostPath = { kind: 'host-path', containerPath: '/b', readOnly: false };
    expect(parseVolume('/a:/b', '/here')).toEqual({ ...hostPath, hostPath: '/a' });
    expect(parseVolume('./a:/b:ro', '/here')).toEqual({ ...hostPath, hostPath: '/here/a', readOnly: true });
    expect(parseVolume('..:/b', '/here/x')).toEqual({ ...hostPath, hostPath: '/here' });
  });

  test('is a named volume, or one without a name', () => {
    const named = { kind: 'named', containerPath: '/b', readOnly: false };
    expect(parseVolume('data:/b:nocopy,U', '/')).toEqual({ ...named, name: 'data', noCopy: true, chown: true });
    expect(parseVolume('/b', '/')).toEqual(named);
  });

  test('takes propagation, recursion and an id map', () => {
    expect(parseVolume('/a:/b:rslave,rro', '/')).toMatchObject({
      ...{ propagation: 'slave', readOnly: true, recursion: 'readonly' },
    });
    expect(parseVolume('/a:/b:idmap=uids=0-1-10#20-30-1;gids=0-2-10', '/')).toMatchObject({
      idMap: {
        uids: [
          { onDisk: 0, seen: 1, count: 10 },
          { onDisk: 20, seen: 30, count: 1 },
        ],
        gids: [{ onDisk: 0, seen: 2, count: 10 }],
      },
    });
  });

  test.each(['a b:/c', '/a:b', '/a:/b:ro:rw', '', '/a:/b:idmap=uids=0-1;gids=0'])('%j is refused', (text) => {
    expect(() => parseVolume(text, '/here')).toThrow(BAD);
  });

  test.each(['/a:/b:z', '/a:/b:nocopy', 'data:/b:rshared', '/a:/b:cached', '/a:/b:dev'])(
    'in %j an option means nothing, and is named',
    (text) => {
      expect(() => parseVolume(text, '/here')).toThrow(MEANS_NOTHING);
    },
  );
});

describe('--mount', () => {
  test('a bind has a source, a propagation and a recursion', () => {
    const text = 'type=bind,src=./a,dst=/b,ro,bind-propagation=rshared,bind-recursive=readonly';
    expect(parseMount(text, '/here')).toEqual({
      ...{ kind: 'host-path', hostPath: '/here/a', containerPath: '/b', readOnly: true },
      ...{ propagation: 'shared', recursion: 'readonly' },
    });
  });

  test('without a type it is a volume, whose options and labels come one at a time', () => {
    const text = 'source=v,target=/b,volume-opt=type=none,volume-opt=o=bind,volume-label=a,"volume-label=b=1,2"';
    expect(parseMount(text, '/')).toEqual({
      ...{ kind: 'named', name: 'v', containerPath: '/b', readOnly: false },
      ...{ options: { type: 'none', o: 'bind' }, labels: { a: '', b: '1,2' } },
    });
  });

  test('each other type has what it takes', () => {
    const shared = { containerPath: '/b', readOnly: false };
    expect(parseMount('type=tmpfs,target=/b,tmpfs-size=1m,tmpfs-mode=700,uid=5', '/')).toEqual({
      ...{ kind: 'tmpfs', ...shared, sizeBytes: 1 << 20, mode: 0o700, uid: 5 },
    });
    expect(parseMount('type=image,source=alpine,target=/b,subpath=etc', '/')).toEqual({
      ...{ kind: 'image', ...shared, reference: 'alpine', subpath: 'etc' },
    });
    expect(parseMount('type=sandbox,source=parent:x,target=/b', '/')).toEqual({
      ...{ kind: 'sandbox', ...shared, of: 'parent', path: 'x' },
    });
  });

  test.each([
    'type=bind,source=/a,target=/b,tmpfs-size=1m',
    'type=tmpfs,source=x,target=/b',
    'type=volume,target=/b,bind-propagation=rslave',
    'type=image,source=i,target=/b,chown',
    'type=bind,source=/a,target=/b,consistency=cached',
  ])('in %j a field means nothing, and is named', (text) => {
    expect(() => parseMount(text, '/')).toThrow(MEANS_NOTHING);
  });

  test.each([
    'type=npipe,target=/b',
    'type=bind,target=/b',
    'type=volume',
    'type=volume,target=b',
    'type=bind,source=/a,target=/b,bind-propagation=slave',
    'type=bind,source=/a,target=/b,ro=perhaps',
    'type=bind,source="/a,target=/b',
  ])('%j is refused', (text) => {
    expect(() => parseMount(text, '/')).toThrow(BAD);
  });
});

test('--tmpfs takes sizes, owners and the three switches', () => {
  expect(parseTmpfs('/t')).toEqual({ kind: 'tmpfs', containerPath: '/t', readOnly: false });
  expect(parseTmpfs('/t:size=64k,mode=1777,exec,dev,gid=3')).toMatchObject({
    ...{ sizeBytes: 65536, mode: 0o1777, exec: true, dev: true, gid: 3 },
  });
  expect(() => parseTmpfs('/t:sizes=1')).toThrow(MEANS_NOTHING);
  expect(() => parseTmpfs('t')).toThrow(BAD);
});

test('--volumes-from may be read-only', () => {
  expect(parseVolumesFrom('a')).toEqual({ container: 'a', readOnly: false });
  expect(parseVolumesFrom('a:ro')).toEqual({ container: 'a', readOnly: true });
  expect(() => parseVolumesFrom('a:b')).toThrow(BAD);
});

describe('--secret', () => {
  const sources = { env: { TOKEN: 'from env' }, readFile: (_: string, path: string) => Buffer.from(`in ${path}`) };
  const base64 = (text: string): string => Buffer.from(text).toString('base64');

  test('is a file below /run/secrets, from a file or a variable', () => {
    const volume = { kind: 'secret', secret: 'token', readOnly: true, containerPath: '/run/secrets/token' };
    expect(parseSecret('token,source=/f', sources)).toEqual({ name: 'token', value: base64('in /f'), volume });
    expect(parseSecret('token,env=TOKEN,target=/etc/t,uid=7,mode=440', sources)).toEqual({
      ...{ name: 'token', value: base64('from env') },
      volume: { ...volume, containerPath: '/etc/t', uid: 7, mode: 0o440 },
    });
  });

  test('or a variable; without a source it is ours of that name', () => {
    expect(parseSecret('TOKEN,type=env,target=T', sources)).toEqual({
      ...{ name: 'TOKEN', value: base64('from env'), variable: { variable: 'T', secret: 'TOKEN' } },
    });
    expect(() => parseSecret('absent', sources)).toThrow(BAD);
  });

  test('with fields that mean nothing, or two sources, is refused', () => {
    expect(() => parseSecret('TOKEN,type=env,uid=7', sources)).toThrow(MEANS_NOTHING);
    expect(() => parseSecret('token,source=/f,env=TOKEN', sources)).toThrow(BAD);
    expect(() => parseSecret('token,source=/f,type=file', sources)).toThrow(BAD);
  });
});
