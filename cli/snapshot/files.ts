/** Snapshots in files: read whole and checked, written as a whole or not at all. */
import { link, open, readFile, rm } from 'node:fs/promises';
import process from 'node:process';
import { defined } from '../../engine/defined.ts';
import { externalError, messageOf, systemCode, userError } from '../../engine/errors.ts';
import type { OpenedSnapshot } from '../../engine/state/snapshot/format.ts';
import { readFrame, readSnapshot } from '../../engine/state/snapshot/read.ts';
import { readKeyFile } from '../place/key-file.ts';

export interface FileFlags {
  readonly keyFile?: string;
  readonly base?: string;
  readonly json?: boolean;
}

/** Rejects with what `readSnapshot` does, `snapshot.file` where there is none, `snapshot.base` where the base is a difference itself. */
export async function openSnapshotFile(path: string, flags: FileFlags): Promise<OpenedSnapshot> {
  const key = await readKeyFile(flags.keyFile);
  const bytes = await bytesOf(path);
  const { head } = await readFrame(bytes, { name: path, ...defined({ key }) });
  const base = head.base === undefined || flags.base === undefined ? undefined : await openBase(flags.base, flags);
  return readSnapshot(bytes, { name: path, ...defined({ key, base }) });
}

/** A snapshot that others are differences of. */
export async function openBase(path: string, flags: FileFlags): Promise<OpenedSnapshot> {
  const key = await readKeyFile(flags.keyFile);
  const bytes = await bytesOf(path);
  const { head } = await readFrame(bytes, { name: path, ...defined({ key }) });
  if (head.base !== undefined) {
    throw userError('snapshot.base', `${path} is a difference itself`, {
      hint: 'give the snapshot that it is a difference of',
    });
  }
  return readSnapshot(bytes, { name: path, ...defined({ key }) });
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const message =
      systemCode(error) === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read: ${messageOf(error)}`;
    throw userError('snapshot.file', message, { cause: error });
  }
}

/** Throws `snapshot.exists` where there is something of that name, `snapshot.write` where it cannot be written. */
export async function writeSnapshotFile(path: string, parts: readonly Uint8Array[]): Promise<number> {
  const hidden = `${path}.${process.pid}.part`;
  try {
    const handle = await open(hidden, 'wx');
    try {
      for (const part of parts) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(hidden, path);
  } catch (error) {
    if (systemCode(error) === 'EEXIST')
      throw userError('snapshot.exists', `${path} is there already`, { hint: 'give another --out' });
    throw externalError('snapshot.write', `${path} cannot be written: ${messageOf(error)}`, { cause: error });
  } finally {
    await rm(hidden, { force: true });
  }
  return parts.reduce((sum, { length }) => sum + length, 0);
}
