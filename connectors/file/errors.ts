/** What the operating system says about files, in words for users. */
import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type CloudskinError, externalError, messageOf, systemCode, userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';

/** An error of reading `path`, called `name` by the user. */
export function readError(error: unknown, path: string, name: string): CloudskinError {
  switch (systemCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return missing(path, name);
    case 'EACCES':
    case 'EPERM':
      return externalError('source.not-readable', `no permission to read ${name}`, {
        hint: 'give the user who runs this the right to read it',
        cause: error,
      });
    case 'EMFILE':
    case 'ENFILE':
      return externalError('source.too-many-files', `too many open files at ${name}`, { retry: true, cause: error });
    default:
      return externalError('source.read-failed', `reading ${name} failed: ${messageOf(error)}`, {
        retry: true,
        cause: error,
      });
  }
}

function missing(path: string, name: string): CloudskinError {
  const near = suggest(basename(path), siblings(path));
  const hint = near === undefined ? `looked for ${path}` : `did you mean "${near}"? Looked for ${path}`;
  return userError('source.not-found', `there is no file ${name}`, { hint });
}

function siblings(path: string): string[] {
  try {
    return readdirSync(dirname(path)).slice(0, 10_000);
  } catch {
    return [];
  }
}

/** An error of writing `name`. */
export function writeError(error: unknown, name: string): CloudskinError {
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return externalError('sink.disk-full', `no space left to write ${name}`, {
        retry: true,
        hint: 'free some space, or write elsewhere; nothing incomplete is left behind',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return externalError('sink.not-writable', `no permission to write ${name}`, { cause: error });
    case 'EISDIR':
      return userError('sink.is-directory', `${name} is a directory`, { hint: 'name a file in it' });
    case 'ENOENT':
    case 'ENOTDIR':
      return userError('sink.no-directory', `there is no directory for ${name}`, {
        hint: 'make it, or set `mkdir: true`',
      });
    case 'EEXIST':
      return userError('sink.no-directory', `a file is in the way of a directory for ${name}`);
    case 'EPIPE':
      return externalError('sink.closed', `whoever read ${name} has stopped reading`, { cause: error });
    default:
      return externalError('sink.write-failed', `writing ${name} failed: ${messageOf(error)}`, {
        retry: true,
        cause: error,
      });
  }
}
