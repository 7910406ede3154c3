/** The file of `--key-file`. */
import { readFile } from 'node:fs/promises';
import { CloudskinError, messageOf, userError } from '../../engine/errors.ts';
import { parseKey } from '../../engine/state/blobs/encrypted.ts';

/** The key that checkpoints are encrypted with; undefined where no file is named. Throws `state.key` where it cannot be used. */
export async function readKeyFile(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  try {
    return parseKey(await readFile(path), path);
  } catch (error) {
    if (error instanceof CloudskinError) throw error;
    throw userError('state.key', `the key file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
