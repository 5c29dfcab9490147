import type { ContainerState } from '../facade.ts';
import type { EngineHost } from '../host.ts';
import { isAlive } from '../state.ts';

const STATES: readonly ContainerState[] = [
  ...(['provisioning', 'preparing', 'isolating', 'fetching', 'prepared'] as const),
  ...(['running', 'paused', 'destroying', 'terminated'] as const),
];

/** What there is at a moment: counted when somebody looks, so that it cannot differ from what the engine knows. */
export function addEngineGauges(
  host: Pick<EngineHost, 'metricRegistry' | 'registry' | 'retries'>,
  sessions: { readonly liveCount: number },
): void {
  const { metricRegistry: metrics, registry, retries } = host;
  metrics.gauge(
    { name: 'isopod_containers', help: 'Containers by state.', labels: ['state'] },
    (): readonly (readonly [readonly [ContainerState], number])[] => {
      const counts = new Map(STATES.map((state) => [state, 0]));
      for (const { state } of registry.all()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return [...counts].map(([state, count]) => [[state], count]);
    },
  );
  metrics.gauge({ name: 'isopod_sessions', help: 'Exec sessions that have not ended.' }, () => [
    [[], sessions.liveCount],
  ]);
  metrics.gauge(
    { name: 'isopod_monitors', help: 'Monitors that this engine talks to: of containers and of exec sessions.' },
    () => {
      const followed = registry.all().filter(({ link, state }) => link !== undefined && isAlive(state));
      return [[[], followed.length + sessions.liveCount]];
    },
  );
  metrics.gauge(
    { name: 'isopod_retries_pending', help: 'Cleanups and the like that are under way or wait to be tried again.' },
    () => [[[], retries.count]],
  );
}
