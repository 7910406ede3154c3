/** Reads the files in which secrets may lie. */
import { readFileSync } from 'node:fs';

/** The text of a secret's file; undefined where there is none, and then the secret is said to be missing, by name. */
export function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
