export type { Engine } from '../engine/facade.ts';
