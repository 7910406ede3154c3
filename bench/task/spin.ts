/** Tasks that keep their thread busy for a while: a component whose `process` counts, so far that it takes the time wanted. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { copyBatch } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { ECHO, guestComponent, openOperator } from '../../test/kit/guests.ts';
import { quantile } from '../harness.ts';

export const ROW = { x: 7 } as const;
const SCHEMA: Schema = { fields: [{ name: 'x', type: { kind: 'int64' }, nullable: true }] };
const TRIES = 25;

export interface Spin {
  /** A graph whose one operator it is. */
  readonly file: string;
  readonly component: string;
  /** Milliseconds that one bare call of `process` takes now, in a cell that is kept. */
  own(): number;
  close(): void;
}

/** Writes component and graph to the directory. */
export async function writeSpin(directory: string, name: string, milliseconds: number): Promise<Spin> {
  const guess = 1_000_000;
  const first = await bareCall(await write(directory, `${name}-guess`, guess));
  const path = await write(directory, name, Math.round((guess * milliseconds) / median(first.own)));
  first.close();
  const { own, close } = await bareCall(path);
  const graph = {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name },
    spec: {
      sources: { in: { code: {}, schema: { x: 'int64' } } },
      operators: { spin: { from: 'in', component: path } },
    },
  };
  const file = join(directory, `${name}.json`);
  await writeFile(file, JSON.stringify(graph));
  return { file, component: path, own, close };
}

async function write(directory: string, name: string, rounds: number): Promise<string> {
  const count = `(local $left i32) (local.set $left (i32.const ${rounds}))
    (loop $again (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br_if $again (local.get $left)))`;
  const path = join(directory, `${name}.wasm`);
  await writeFile(path, await guestComponent({ process: `${count} ${ECHO}` }));
  return path;
}

/** Calls of a cell that is kept, without anything around it. */
export async function bareCall(path: string): Promise<Pick<Spin, 'own' | 'close'>> {
  const cell = await openOperator(path, SCHEMA);
  const builder = new BatchBuilder(SCHEMA);
  builder.columns[0]?.append(BigInt(ROW.x));
  builder.endRow();
  const batch = copyBatch(builder.finish());
  const own = (): number => {
    const start = performance.now();
    cell.process(0, batch, () => {});
    return performance.now() - start;
  };
  median(own);
  return { own, close: () => cell.close() };
}

/** Of some calls. */
export function median(once: () => number): number {
  const times = Array.from({ length: TRIES }, once);
  return quantile(
    times.sort((a, b) => a - b),
    0.5,
  );
}
