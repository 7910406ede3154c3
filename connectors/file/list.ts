/** Which files a path names: one, those of a glob, those of a directory; in the order of their names. */
import { glob, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { userError } from '../../engine/errors.ts';
import { partsOfName } from '../formats/formats.ts';
import { readError } from './errors.ts';

export interface FileRef {
  /** Absolute, or `-`. */
  readonly path: string;
  /** As the user knows it: relative to the graph file where the option is. */
  readonly name: string;
}

const MAX_FILES = 100_000;

/** Throws `source.not-found` where there is none, `source.too-many-files` beyond 100,000. */
export async function listFiles(path: string, directory: string): Promise<FileRef[]> {
  if (path === '-') return [{ path, name: 'stdin' }];
  const full = resolve(directory, path);
  const kind = await stat(full).then(
    (found) => (found.isDirectory() ? 'directory' : 'file'),
    (error: unknown) => error,
  );
  if (kind === 'file') return [{ path: full, name: path }];
  const names = kind === 'directory' ? await filesIn(full, path) : isGlob(path) ? await globbed(path, directory) : [];
  if (names.length === 0) {
    if (kind === 'directory') throw nothingIn(path, 'holds no file of a known format');
    if (isGlob(path)) throw nothingIn(path, 'matches no file');
    throw readError(kind, full, path);
  }
  names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return names.map((name) => ({ path: resolve(directory, name), name }));
}

export function isGlob(path: string): boolean {
  return /[*?[\]{}]/.test(path);
}

/** Hidden files are left out: among them are the ones that are still being written. */
async function filesIn(full: string, path: string): Promise<string[]> {
  const entries = await readdir(full, { withFileTypes: true }).catch((error: unknown) => {
    throw readError(error, full, path);
  });
  return entries
    .filter(
      (entry) => !entry.isDirectory() && !entry.name.startsWith('.') && partsOfName(entry.name).format !== undefined,
    )
    .map((entry) => join(path, entry.name));
}

async function globbed(path: string, directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of glob(path, { cwd: directory, withFileTypes: true })) {
    if (entry.isDirectory() || entry.name.startsWith('.')) continue;
    names.push(nameIn(entry.parentPath, entry.name, path, directory));
    if (names.length > MAX_FILES) {
      throw userError('source.too-many-files', `${path} matches more than ${MAX_FILES} files`);
    }
  }
  return names;
}

/** Relative to the graph file, unless the pattern itself is absolute. */
function nameIn(parent: string, name: string, pattern: string, directory: string): string {
  const full = join(parent, name);
  const base = join(directory, '/');
  return !pattern.startsWith('/') && full.startsWith(base) ? full.slice(base.length) : full;
}

function nothingIn(path: string, what: string): Error {
  return userError('source.not-found', `${path} ${what}`, { hint: 'paths are relative to the graph file' });
}
