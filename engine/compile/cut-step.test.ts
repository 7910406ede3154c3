/** How finely a source has to cut, read off the graph downstream of it. */
import { describe, expect, it } from 'vitest';
import { type Draft, PLACE, planOf } from '../../test/kit/plans.ts';
import { EVENTS, SECOND, timed } from '../../test/kit/runs.ts';
import { COUNTS, counting } from '../../test/kit/stub-cell.ts';
import type { Schema } from '../batch/types.ts';
import type { Expr } from '../expression/ir.ts';
import type { Step } from '../graph/plan.ts';
import { cutStep } from './cut-step.ts';

function stepOf(operators: NonNullable<Draft['operators']>): bigint {
  const plan = planOf({ sources: { a: { schema: EVENTS, time: timed(0) } }, operators, sinks: {} });
  const [source] = plan.sources;
  if (source === undefined) throw new Error('the plan has a source');
  return cutStep(plan, source);
}

const window = (seconds: bigint): Step => counting(EVENTS, seconds * SECOND);
const span = { start: 0, end: 1 };
const column = (index: number): Expr => {
  return { node: 'column', index, name: '', type: { kind: 'timestamp', unit: 'us' }, nullable: true, span };
};

/** A select whose time column is `expr`. */
function selecting(expr: Expr): Step {
  const output: Schema = { fields: [{ name: 't', type: { kind: 'timestamp', unit: 'us' }, nullable: true }], time: 0 };
  return { kind: 'project', columns: [{ name: 't', text: '', expr, place: PLACE }], output };
}

describe('cutStep', () => {
  it('is the greatest that divides every window downstream', () => {
    expect(stepOf({ w: { from: ['a'], steps: [window(60n)], output: COUNTS } })).toBe(60n * SECOND);
    const two = { x: { from: ['a'], steps: [window(60n)], output: COUNTS }, y: { from: ['a'], steps: [window(45n)] } };
    expect(stepOf(two)).toBe(15n * SECOND);
  });

  it('is 0 where nothing can be late, and where the time column is left out', () => {
    expect(stepOf({ f: { from: ['a'] } })).toBe(0n);
    const none: Step = { kind: 'project', columns: [], output: { fields: [] } };
    expect(stepOf({ f: { from: ['a'], steps: [none] } })).toBe(0n);
  });

  it('follows a renamed time column, and late rows on to the next window', () => {
    const renamed = { from: ['a'], steps: [selecting(column(1))], output: EVENTS };
    const next = { from: ['r'], steps: [{ ...counting(EVENTS, 60n * SECOND), time: 0 }], output: COUNTS };
    expect(stepOf({ r: renamed, w: next })).toBe(60n * SECOND);
    const diverting = { from: ['a'], steps: [window(60n)], output: COUNTS, ports: { late: EVENTS } };
    expect(stepOf({ w: diverting, again: { from: ['w.late'], steps: [window(40n)], output: COUNTS } })).toBe(
      20n * SECOND,
    );
  });

  it('is a microsecond where the time is computed or a component looks on', () => {
    const literal: Expr = { node: 'literal', value: 0n, type: { kind: 'int64' }, nullable: false, span };
    expect(stepOf({ r: { from: ['a'], steps: [selecting(literal)] } })).toBe(1n);
    const component = { kind: 'component', component: 'x', config: {}, place: PLACE } as unknown as Step;
    expect(stepOf({ c: { from: ['a'], steps: [component] } })).toBe(1n);
  });

  it('does not look beyond a window: what it yields is never late', () => {
    const operators = {
      w: { from: ['a'], steps: [window(60n)], output: COUNTS },
      v: { from: ['w'], steps: [counting(COUNTS, 7n * SECOND)], output: COUNTS },
    };
    expect(stepOf(operators)).toBe(60n * SECOND);
  });
});
