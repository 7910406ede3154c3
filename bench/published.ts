/** The program as it is published, for benchmarks of whole processes. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './harness.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Published {
  readonly cli: string;
  /** What its modules lie in, and how their names end. */
  readonly directory: string;
  readonly extension: 'js' | 'ts';
}

/** Builds it; a trial takes the sources as they are, so that it does not write where others read. */
export function published({ size }: BenchOptions): Published {
  if (size === 'trial') return { cli: join(root, 'cli/bin.ts'), directory: root, extension: 'ts' };
  execFileSync(process.execPath, [join(root, 'tools/build.ts')], { stdio: 'ignore' });
  return { cli: join(root, 'dist/cli/bin.js'), directory: join(root, 'dist'), extension: 'js' };
}
