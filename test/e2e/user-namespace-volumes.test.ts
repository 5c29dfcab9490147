import { afterAll, beforeAll, expect, test } from 'vitest';
import { volumeImage } from '../support/volume-image.ts';
import { Installation } from './support/installation.ts';

const isopod = new Installation();
/** An image with files at /data, owned by 1000:1001, which it declares as a volume. */
let image: string;

beforeAll(async () => {
  image = volumeImage(isopod.directory, { volumes: ['/data'] });
  await isopod.expect(['pull', '-q', image]);
});
afterAll(() => isopod.close());

const sh = (options: readonly string[], script: string) => isopod.run(['run', ...options, image, 'sh', '-c', script]);

test('an image volume shows the owners that it has inside to a user namespace, in whole or in part', async () => {
  const mount = (rest: string) => ['--userns', 'auto', '--mount', `type=image,source=${image},target=/tools${rest}`];
  const script = 'ls -ln /tools/data/file; ls -lnd /tools/etc; cat /tools/data/file; echo x > /tools/x';
  const { stdout, stderr } = await sh(['--rm', ...mount('')], script);
  expect(stdout).toMatch(/^-rw-r----- +1 1000 +1001 .*\ndr.x.* 0 +0 .*\nhello\n$/);
  expect(stderr).toContain('Read-only file system');
  const other = await sh(
    ['--rm', '-u', '1000:1001', ...mount(',subpath=data')],
    'ls -lnd /tools; cat /tools/file /tools/deep/below',
  );
  expect(other.stdout).toMatch(/^drwxr-x--- .* 1000 +1001 .*\nhello\n/);
});

test('a part of a named volume is shown to a user namespace, too', async () => {
  await sh(['--rm', '--userns', 'auto', '-v', 'part:/data'], 'true');
  const part = ['--rm', '--userns', 'auto', '--mount', 'source=part,target=/part,subpath=deep'];
  expect((await sh(part, 'cat /part/below; ls -lnd /part')).stdout).toMatch(/^xdrwx------ .* 0 +0 /);
  await isopod.expect(['volume', 'rm', 'part']);
});
