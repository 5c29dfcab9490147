import { defineRoute, type Route } from './router.ts';

const DEADLINE_MS = 60_000;

/** Streams for those whom no socket of a monitor lets in: users other than root, and clients on other hosts. */
export function streamRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/streams/:id', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'stream' },
      summary: 'The streams of a container or session, through the agent: with `Upgrade: isopod-frames` only.',
      notes: 'The client presents its ticket, as docs/protocol.md says. The connection ends with the agent.',
      answer: { kind: 'tunnel' },
      handle: async ({ engine, params }) => ({
        kind: 'tunnel',
        socketPath: await engine.streams.socketOf(params.id ?? ''),
      }),
    }),
  ];
}
