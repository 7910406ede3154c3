/** What a thread keeps so that cells start at once, and how much that may be. Each thread that runs cells has pools of its own. */
import { chainStats } from './compiled-module.ts';
import { operatorStats } from './component/instance.ts';
import { startStats } from './component/starts.ts';
import { memoryPoolSize } from './memory-pool.ts';

export interface PoolFigures {
  /** `memories`: cleared, for any cell. `starts`: images of components, and guests that wait at one. `chains`: what cells of a prepared chain ran on. `modules`: compiled chains. `operators`: compiled components. */
  readonly pool: 'memories' | 'starts' | 'chains' | 'modules' | 'operators';
  readonly held: number;
  /** Most that may be held; absent where bytes bound it. */
  readonly most?: number;
  readonly bytes?: number;
  readonly maxBytes?: number;
}

/** Of the thread that asks. */
export function poolFigures(): readonly PoolFigures[] {
  const { memories, ...room } = memoryPoolSize();
  const { held, bytes, maxBytes } = startStats();
  const chains = chainStats();
  return [
    { pool: 'memories', held: memories, ...room },
    { pool: 'starts', held, bytes, maxBytes },
    { pool: 'chains', held: chains.waiting, bytes: chains.bytes, maxBytes: chains.maxBytes },
    { pool: 'modules', held: chains.modules, most: chains.maxModules },
    { pool: 'operators', ...operatorStats() },
  ];
}
