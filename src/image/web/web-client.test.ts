import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { checkElsewhere } from './lookup.ts';
import { WebClient } from './web-client.ts';
import { webWay } from './web-way.ts';

const signal = new AbortController().signal;
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

function client(env: Readonly<Record<string, string>>): WebClient {
  return new WebClient(5_000, webWay(nodeEffects().files, env));
}

async function textOf(web: WebClient, url: string): Promise<string> {
  const response = await web.get(new URL(url), signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body(1_000)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('what is elsewhere is asked through the proxy, which is shown its own password', async () => {
  const seen: (string | undefined)[] = [];
  const { port } = await serve((request, response) => {
    seen.push(request.url, request.headers['proxy-authorization']);
    response.end('by the proxy');
  });
  expect(await textOf(client({ http_proxy: `http://me:pw@127.0.0.1:${port}` }), 'http://files.invalid/a')).toBe(
    'by the proxy',
  );
  expect(seen).toEqual(['http://files.invalid/a', 'Basic bWU6cHc=']);
});

test('this machine and what NO_PROXY names are asked directly', async () => {
  const proxy = await serve((_, response) => response.end('by the proxy'));
  const { port } = await serve((_, response) => response.end('directly'));
  const HTTP_PROXY = `http://127.0.0.1:${proxy.port}`;
  expect(await textOf(client({ HTTP_PROXY }), `http://127.0.0.1:${port}/`)).toBe('directly');
  const direct = client({ HTTP_PROXY, NO_PROXY: '.invalid' });
  await expect(direct.get(new URL('http://files.invalid/'), signal)).rejects.toMatchObject({ code: 'web.unreachable' });
});

test('a proxy is not asked for a name that leads to this machine, and is for one that only it knows', async () => {
  const found = async () => [{ address: '192.0.2.1' }, { address: '::ffff:127.0.0.1' }];
  await expect(checkElsewhere('files.example', found)).rejects.toMatchObject({ code: 'web.leadsHere' });
  await checkElsewhere('files.example', async () => [{ address: '192.0.2.1' }]);
  await checkElsewhere('files.example', () => Promise.reject(new Error('not found')));
});

test('https goes through a tunnel, and a proxy that refuses it is named without its password', async () => {
  const tunnels: (string | undefined)[] = [];
  const { server, port } = await serve(() => {});
  server.on('connect', (request, socket) => {
    tunnels.push(request.url);
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  const error = await client({ HTTPS_PROXY: `http://me:hidden@127.0.0.1:${port}` })
    .get(new URL('https://files.invalid/a'), signal)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'web.unreachable' });
  expect(String(error)).not.toContain('hidden');
  expect(tunnels).toEqual(['files.invalid:443']);
});

test('a proxy that is not there is named, without its password, and one of another kind is refused', async () => {
  const gone = client({ HTTP_PROXY: 'http://me:hidden@127.0.0.1:1' });
  await expect(gone.get(new URL('http://files.invalid/'), signal)).rejects.toMatchObject({
    message: 'http://files.invalid/ cannot be reached: through proxy http://127.0.0.1:1: connection refused',
  });
  const socks = client({ HTTP_PROXY: 'socks5://127.0.0.1:1' });
  await expect(socks.get(new URL('http://files.invalid/'), signal)).rejects.toMatchObject({
    code: 'registry-proxy.notServed',
  });
});

test('authorities that SSL_CERT_FILE names but cannot be read are told', async () => {
  const web = client({ SSL_CERT_FILE: '/nonexistent/authorities.pem' });
  await expect(web.get(new URL('https://127.0.0.1:1/'), signal)).rejects.toMatchObject({
    message: expect.stringContaining('/nonexistent/authorities.pem'),
  });
});
