/** Why a snapshot is refused. */
import { type CloudskinError, externalError, userError } from '../../errors.ts';

export function damaged(name: string, why: string): CloudskinError {
  return externalError('snapshot.damaged', `${name} is damaged: ${why}`, {
    hint: 'nothing of it is used; take another copy of it, or a new one: cloudskin snapshot CELL',
  });
}

export function noSnapshot(name: string): CloudskinError {
  return userError('snapshot.damaged', `${name} is no snapshot of a cell, or it is damaged`, {
    hint: 'cloudskin snapshot CELL --out FILE makes one',
  });
}

export function newer(name: string, format: number): CloudskinError {
  return userError('snapshot.newer', `${name} is of format ${format}, which is newer than this version`, {
    hint: 'use the version that wrote it, or a later one',
  });
}

export function noKey(name: string): CloudskinError {
  return userError('snapshot.sealed', `${name} is sealed, and there is no key`, {
    hint: '--key-file names the key file of the checkpoints that it was taken from',
  });
}

export function noBase(name: string, wanted: string): CloudskinError {
  return userError('snapshot.base', `${name} is a difference of a snapshot with the checksum ${wanted.slice(0, 12)}…`, {
    hint: '--base names the file that it was taken against',
  });
}
