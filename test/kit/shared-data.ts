/**
 * Where the real inputs lie that tests and benchmarks read: `../shared/data` beside the checkout, or `CLOUDSKIN_SHARED_DATA`.
 * They are not part of the project; MANIFEST.tsv there lists origin and licence of each.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = process.env.CLOUDSKIN_SHARED_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** True where the shared inputs are there; tests that need them are skipped by name where they are not. */
export function hasSharedData(): boolean {
  return existsSync(`${root}/MANIFEST.tsv`);
}

/** The absolute path of a shared input; throws naming the file when it is missing. */
export function sharedData(path: string): string {
  const full = `${root}/${path}`;
  if (!existsSync(full)) throw new Error(`shared input ${path} is not at ${full}; set CLOUDSKIN_SHARED_DATA`);
  return full;
}
