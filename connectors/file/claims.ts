/** Which files a file sink would write, and whether a file source reads them: by `..`, symbolic links, globs and directories too. */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, matchesGlob, resolve, sep } from 'node:path';
import type { Claim } from '../../engine/graph/connector.ts';
import { formatNamed, partsOfName } from '../formats/formats.ts';
import { isGlob, listFiles } from './list.ts';
import type { FileSinkOptions, FileSourceOptions } from './options.ts';

/** Names no file: an absolute path never looks so. */
const STDOUT = 'stdout';

/** The file as it is named; where the sink rolls, the numbered ones beside it are its own. Devices and pipes replace nothing. */
export async function claimsOf(options: FileSinkOptions, directory: string): Promise<readonly Claim[]> {
  if (options.path === '-') return [{ identity: STDOUT, name: 'standard output', option: 'path', ...shared(options) }];
  const path = resolve(directory, options.path);
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) return [];
  return [{ identity: await identityOf(path), name: options.path, option: 'path' }];
}

/** Formats that are lines of text may follow each other on standard output. */
function shared({ path, format: name, compression }: FileSinkOptions): { sharedAs?: string } {
  const format = name === undefined ? partsOfName(path).format : formatNamed(name);
  return format?.appendable ? { sharedAs: `${format.name} ${compression ?? 'none'}` } : {};
}

/** True also of a file that is not there yet and that the source would read in the next run. */
export async function readsClaim(options: FileSourceOptions, directory: string, { identity }: Claim): Promise<boolean> {
  if (options.path === '-' || identity === STDOUT) return false;
  const full = resolve(directory, options.path);
  const found = await stat(full).catch(() => undefined);
  if (found?.isDirectory()) {
    const name = basename(identity);
    const isRead = partsOfName(name).format !== undefined && !name.startsWith('.');
    if (isRead && dirname(identity) === (await identityOf(full))) return true;
  } else if (found !== undefined || !isGlob(options.path)) {
    return (await identityOf(full)) === identity;
  } else if (await matches(full, identity)) {
    return true;
  }
  const files = await listFiles(options.path, directory).catch(() => []);
  const identities = await Promise.all(files.map((file) => identityOf(file.path)));
  return identities.includes(identity);
}

/** The pattern, with the directories in front of its first wildcard taken without symbolic links. */
async function matches(pattern: string, identity: string): Promise<boolean> {
  if (basename(identity).startsWith('.')) return false;
  const parts = pattern.split(sep);
  const first = parts.findIndex(isGlob);
  const base = await identityOf(parts.slice(0, first).join(sep) || sep);
  return matchesGlob(identity, join(base, ...parts.slice(first)));
}

/** Without symbolic links, as far as the path is there. */
async function identityOf(path: string): Promise<string> {
  const parent = dirname(path);
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined || parent === path) return real ?? path;
  return join(await identityOf(parent), basename(path));
}
