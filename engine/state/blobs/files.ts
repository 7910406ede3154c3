/** What stores and logs need of a file system beyond files: which files a directory has must survive a power failure, too. */

import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../../errors.ts';

/** What file systems and systems say that cannot sync a directory; there the order of their journal has to do. */
const CANNOT = new Set(['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM', 'EACCES', 'EBADF']);

/** Makes safe which files there are in the directory. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!CANNOT.has(systemCode(error))) throw error;
  }
}

/**
 * Makes a directory with all above it; where there was none it survives a power failure. Step by step: where a directory takes no others
 * (`/proc/x`), Node's own recursive `mkdir` tries for ever.
 */
export async function makeDirectory(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await isThere(at)) && dirname(at) !== at; at = dirname(at)) missing.push(at);
  for (const one of missing.reverse()) {
    try {
      await mkdir(one);
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    await syncDirectory(dirname(one));
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
