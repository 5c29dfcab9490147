import { basename, dirname, join } from 'node:path';

/** Where the parts of this installation are. */
export interface Layout {
  readonly helper: string;
  /** Program of the embedded image `hello`. */
  readonly hello: string;
  /** What security reports run in containers. */
  readonly probe: string;
  /** What Node runs as the command line; `isopod agent` is started with it. */
  readonly cli: string;
  /** What `isopod agent` loads. */
  readonly agent: string;
}

/** Bundles stand in `.build` beside the helper, sources in `src/main`; both know where the other things are. */
export function installationLayout(): Layout {
  const here = import.meta.dirname;
  const isBundle = basename(here) === '.build';
  const build = isBundle ? here : join(dirname(dirname(here)), '.build');
  return {
    helper: join(build, 'isopod-helper'),
    hello: join(build, 'isopod-hello'),
    probe: join(build, 'isopod-probe'),
    cli: isBundle ? join(build, 'isopod.cjs') : join(here, 'cli.ts'),
    agent: isBundle ? join(build, 'agent.cjs') : join(here, 'serve-agent.ts'),
  };
}
