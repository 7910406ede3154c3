/** The files of a log as they are found when it is opened: checked to be all there, the last one up to its last sound record. */
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CloudskinError, externalError } from '../../errors.ts';
import { decodeHead, firstOf, HEADER, type SegmentHead, segmentName } from './segment.ts';
import { readFully, SegmentWalk, syncedBehind } from './walk.ts';

export interface Segment {
  readonly path: string;
  readonly head: SegmentHead;
  /** Of the file; rises while records are written to it. */
  bytes: number;
}

export interface Found {
  readonly segments: readonly Segment[];
  /** The last one, to be written on; undefined for an empty log. */
  readonly handle: FileHandle | undefined;
  readonly next: number;
}

/** Rejects with `log.corrupt`. */
export async function findSegments(directory: string): Promise<Found> {
  const firsts = (await readdir(directory)).flatMap((name) => firstOf(name) ?? []).sort((a, b) => a - b);
  const segments: Segment[] = [];
  for (const [index, first] of firsts.entries()) {
    const segment = await openSegment(directory, first, index === firsts.length - 1);
    if (segment === undefined) continue;
    checkChain(segment, segments.at(-1));
    segments.push(segment);
  }
  const last = segments.at(-1);
  if (last === undefined) return { segments, handle: undefined, next: 0 };
  const handle = await open(last.path, 'r+');
  try {
    return { segments, handle, next: await mend(last, handle) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Undefined for a last file that a crash left before anything was in it; such a file is removed. */
async function openSegment(directory: string, first: number, last: boolean): Promise<Segment | undefined> {
  const path = join(directory, segmentName(first));
  const { size } = await stat(path);
  const handle = await open(path, 'r');
  const bytes = Buffer.alloc(Math.min(HEADER, size));
  try {
    await readFully(handle, bytes, 0);
  } finally {
    await handle.close();
  }
  const head = decodeHead(bytes);
  if (typeof head !== 'string' && head.first === first) return { path, head, bytes: size };
  // the header is safe before the first record is written
  if (last && size <= HEADER) {
    await rm(path);
    return undefined;
  }
  throw corrupt(`${path} ${typeof head === 'string' ? head : `is the file of record ${head.first}`}`);
}

function checkChain({ path, head }: Segment, previous: Segment | undefined): void {
  if (previous === undefined) return;
  if (head.previous !== previous.head.first) {
    throw corrupt(`between ${previous.path} and ${path} the file of record ${head.previous} is missing`);
  }
  if (head.previousBytes !== previous.bytes) {
    throw corrupt(
      `${previous.path} has ${previous.bytes} bytes, not the ${head.previousBytes} that it was closed with`,
    );
  }
}

/** Finds the end of the last file, and cuts off what a crash left behind it; the number of the record that comes next. */
async function mend(last: Segment, handle: FileHandle): Promise<number> {
  const walk = new SegmentWalk(handle, last.head);
  let step = await walk.next(last.bytes);
  while (step.kind === 'record') step = await walk.next(last.bytes);
  if (step.kind === 'end') return walk.sequence;
  const { at, why } = step;
  const synced = await syncedBehind(handle, last.head, at + 1, last.bytes, walk.sequence);
  if (synced >= walk.sequence) throw corruptRecord(last.path, at, walk.sequence, why);
  await handle.truncate(at);
  await handle.datasync();
  last.bytes = at;
  return walk.sequence;
}

export function corruptRecord(path: string, at: number, sequence: number, why: string): CloudskinError {
  return corrupt(`record ${sequence} at byte ${at} of ${path} is not sound: ${why}`);
}

export function corrupt(message: string): CloudskinError {
  return externalError('log.corrupt', message, {
    hint: 'the disk has lost what it had promised to keep; check it, and bring the log back from a copy or give it up by removing its directory',
  });
}
