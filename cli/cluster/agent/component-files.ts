/** Components as files of an agent, by digest. */
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

/** `directory`: the agent's own. */
export function componentFile(directory: string, digest: string): string {
  return join(directory, 'components', `${digest}.cell`);
}

/** Writes it aside and renames it, so that it is there as a whole or not at all. */
export async function keepComponent(
  directory: string,
  digest: string,
  fetch: () => Promise<Uint8Array>,
): Promise<void> {
  const path = componentFile(directory, digest);
  if (existsSync(path)) return;
  await mkdir(join(directory, 'components'), { recursive: true });
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, await fetch());
  await rename(aside, path);
}
