import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TransferPlace } from '../transfer/transfer-ports.fixture.ts';

let place: TransferPlace;
beforeEach(() => {
  place = new TransferPlace();
});
afterEach(() => place.remove());

const copied = (name: string) => place.copy(`aci:${name}`, `oci:${place.path('made')}:app`);

test('a name that no name service knows is told with the cause, and not as an image that is missing', async () => {
  await expect(copied('images.invalid/app')).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'appc.notAnswered',
    message: expect.stringMatching(
      /https:\/\/images\.invalid\/app-latest-\S+\.aci \(getaddrinfo \w+ images\.invalid\)/,
    ),
    remedy: expect.stringContaining('name service'),
  });
});

test('where somebody answers and has no such image each place is told with its answer', async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/app?ac-discovery=1' ? 200 : 404;
    response.end('<html></html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const error = await copied(`${host}/app:1,os=linux,arch=amd64`).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'appc.notFound', kind: 'not-found' });
    expect((error as Error).message.split(' was found at ')[1]).toBe(
      `http://${host}/app-1-linux-amd64.aci (status 404), http://${host}/app?ac-discovery=1 (it names no place), http://${host}?ac-discovery=1 (status 404)`,
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
