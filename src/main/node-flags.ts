/**
 * What Node is started with for an agent. The young generation of V8 doubles under load up to 32 MiB a half and keeps its pages:
 * after some thousand launches they were 67 MB of the agent's memory, after lists of a thousand containers 134
 * (docs/performance.md). The bound can be set before the heap is made only. `isopod`, the shell script, says the same.
 */
export const AGENT_NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4'];
