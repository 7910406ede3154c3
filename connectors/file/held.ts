/** Opens the file sink of a run with checkpoints: its output is seen once, when the checkpoint that holds it is complete. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Sink, SinkContext } from '../../engine/graph/connector.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';
import { writeError } from './errors.ts';
import { placeOf } from './held-place.ts';
import { HeldRollingSink } from './held-rolling.ts';
import { HeldWholeSink } from './held-whole.ts';
import type { FileSinkOptions, Roll } from './options.ts';
import type { Writing } from './writing.ts';

/** The transactional file sink; undefined where the path is a device or a pipe, which take back nothing. */
export async function openHeldSink(writing: Writing, roll: Roll | undefined): Promise<Sink | undefined> {
  const { options, context } = writing;
  const path = await pathOf(options, context);
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) return undefined;
  try {
    if (options.mkdir) await makeDirectory(dirname(path));
  } catch (error) {
    throw writeError(error, options.path);
  }
  const place = placeOf(path, context.identity ?? context.name, context.epoch ?? 1);
  return roll === undefined ? HeldWholeSink.open(writing, place) : HeldRollingSink.open(writing, roll, place);
}

/** Removes the hidden files of a sink, of epochs up to the context's; of whatever epoch where it has none. */
export async function forgetHeld(options: FileSinkOptions, context: SinkContext): Promise<void> {
  const place = placeOf(
    await pathOf(options, context),
    context.identity ?? context.name,
    context.epoch ?? Number.POSITIVE_INFINITY,
  );
  await place.clean(new Set());
}

async function pathOf({ path }: FileSinkOptions, { directory }: SinkContext): Promise<string> {
  const given = resolve(directory, path);
  return realpath(given).catch(() => given);
}
