/**
 * What every runtime passes that takes cells over: the image of a compiled cell, taken here, goes on there, the image taken there goes on here,
 * and what comes out is bit for bit what one cell that is never cut puts out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Schema } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { loadParser } from '../../engine/expression/check.ts';
import { chainCase, eventsOf } from '../kit/chain-cases.ts';
import type { OperatorText } from '../kit/chains.ts';
import { keptImage } from '../kit/cuts.ts';
import { hasSharedData } from '../kit/shared-data.ts';
import { HandedCell } from './handed-cell.ts';
import type { HandedCode, HandedEvent } from './handed-files.ts';
import { HandedJoin, pairedReadings } from './handed-join.ts';
import type { HostProcess } from './host-process.ts';
import { type Ended, Outcome, uncut } from './outcome.ts';
import { CHAINS, READINGS, readings } from './readings.ts';

export interface Runtime {
  readonly name: string;
  /** Why it is not here; undefined where it is. */
  readonly missing: string | undefined;
  start(): HostProcess;
  /** Runs of each property: fewer for a slow one. */
  readonly runs: { readonly cuts: number; readonly chains: number };
}

export function testRuntime(runtime: Runtime): void {
  const missing = runtime.missing ?? (hasSharedData() ? undefined : 'the shared inputs are not there');
  const name = `compiled cells in ${runtime.name}`;
  describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name}: ${missing}`, () => tests(runtime));
}

function tests({ start, runs }: Runtime): void {
  let directory: string;
  let host: HostProcess;

  beforeAll(async () => {
    await loadParser();
    directory = mkdtempSync(join(tmpdir(), 'cs-runtimes-'));
    host = start();
  });
  afterAll(() => {
    host?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });

  it.each(Object.entries(CHAINS))('go on with real readings from any cut, and back: %s', async (_, operators) => {
    await goesOn({ handed: new HandedCell(READINGS, operators), host, directory }, readings(), runs.cuts);
  });

  it('go on with real readings from any cut, and back: a join', async () => {
    await goesOn({ handed: await HandedJoin.make(), host, directory }, pairedReadings(), runs.cuts);
  });

  it('go on with generated chains and hostile values', async () => {
    let valid = 0;
    await fc.assert(
      fc.asyncProperty(chainCase, fc.nat(), async (sample, seed) => {
        const operators = sample.operators.map((text) => ({ ...text, onError: 'skip' as const }));
        const handed = handedOf(sample.schema, operators);
        if (handed === undefined) return;
        valid += 1;
        const events = eventsOf(sample, 100);
        const first = seed % events.length;
        const second = first + 1 + (seed % (events.length - first));
        expect(await inTurn({ handed, host, directory }, events, [first, second])).toEqual(uncut(handed, events));
      }),
      { numRuns: runs.chains },
    );
    expect(valid).toBeGreaterThan(runs.chains / 2);
  });
}

/** From cuts anywhere. */
async function goesOn(turns: Turns, events: readonly HandedEvent[], runs: number): Promise<void> {
  const expected = uncut(turns.handed, events);
  expect(expected.bits.length).toBeGreaterThan(3);
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: events.length }), { minLength: 3, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(cuts, async (some) => {
      const rising = some.toSorted((a, b) => a - b);
      expect(await inTurn(turns, events, rising)).toEqual(expected);
    }),
    { numRuns: runs },
  );
}

interface Turns {
  readonly handed: HandedCode;
  readonly host: HostProcess;
  readonly directory: string;
}

/** Here and there in turn, changing in front of each event of `cuts` (rising). */
async function inTurn(turns: Turns, events: readonly HandedEvent[], cuts: readonly number[]): Promise<Ended> {
  const outcome = new Outcome(turns.handed.plan);
  let cell = turns.handed.open();
  for (const [turn, from] of [0, ...cuts].entries()) {
    const part = events.slice(from, cuts[turn] ?? events.length);
    if (turn % 2 === 0) outcome.drive(cell, part);
    else cell = await there(turns, cell, part, outcome);
  }
  const { late, errors } = cell.counters();
  cell.close();
  return { bits: outcome.bits, late, errors };
}

/** The cell after the events, which it went through there. */
async function there(
  { handed, host, directory }: Turns,
  cell: Cell,
  part: readonly HandedEvent[],
  outcome: Outcome,
): Promise<Cell> {
  const image = keptImage(cell);
  expect(image.module).toBe(handed.digest);
  cell.close();
  const place = mkdtempSync(join(directory, 'cell-'));
  handed.write(place, image, part);
  await host.run(place);
  const returned = handed.read(place);
  rmSync(place, { recursive: true });
  for (const { port, batch } of returned.batches) outcome.take(port, batch);
  const next = handed.open();
  next.state?.restoreImage?.(returned.image);
  expect(next.counters().late).toBe(returned.late);
  return next;
}

/** Undefined for the few generated texts that are no valid SQL here. */
function handedOf(schema: Schema, operators: readonly OperatorText[]): HandedCell | undefined {
  try {
    return new HandedCell(schema, operators);
  } catch {
    return undefined;
  }
}
