/** The key that signs what is deployed. */
import { readFile } from 'node:fs/promises';
import { userError } from '../../engine/errors.ts';

/** Throws `auth.bad-key` where the file cannot be read; whether it holds a key is seen when it signs. */
export async function readSeed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw userError('auth.bad-key', `--sign: ${path} cannot be read`, { cause });
  }
}
