/** The program as it is published, for benchmarks of whole processes. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Builds it; its path. */
export function published(): string {
  execFileSync(process.execPath, [join(root, 'tools/build.ts')], { stdio: 'ignore' });
  return join(root, 'dist/cli/bin.js');
}
