/** Names of blobs, and the errors of stores. */
import { type CloudskinError, externalError, internalError, messageOf, systemCode } from '../../errors.ts';

const NAME = /^[a-z0-9_][a-z0-9._-]*(\/[a-z0-9_][a-z0-9._-]*)*$/;

/** Throws `state.name` for what could not be a path in any store. */
export function checkName(name: string): string {
  if (!NAME.test(name) || name.length > 512)
    throw internalError('state.name', `${JSON.stringify(name)} is no blob's name`);
  return name;
}

/** A name of the graph as a part of a blob's name: `a+b` is `a_2b_b`. One to one. */
export function namePart(text: string): string {
  return text.replaceAll(/[^a-z0-9-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}

export function writeFailed(description: string, name: string, error: unknown): CloudskinError {
  const code = systemCode(error);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const reason = full ? 'no space is left' : messageOf(error);
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return externalError(full ? 'state.full' : 'state.write', `${description} cannot take ${name}: ${reason}`, {
    retry: !denied,
    ...(denied && { hint: 'let the user who runs this write there' }),
    cause: error,
  });
}

export function readFailed(description: string, name: string, error: unknown): CloudskinError {
  return externalError('state.read', `${description} cannot give ${name}: ${messageOf(error)}`, {
    retry: true,
    cause: error,
  });
}
