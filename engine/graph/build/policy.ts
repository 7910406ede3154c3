/** How a source or operator runs: partitions, memory, what its streams outlive, where its rows stay. As the plan has it, and what does not fit together. */
import { defined } from '../../defined.ts';
import type { OperatorEntry, RunEntry, SourceEntry } from '../document.ts';
import { placementOf } from '../placement.ts';
import type { Durable, MemoryLimit, NodePolicy, OperatorNode, Step } from '../plan.ts';
import type { Path } from '../tree.ts';
import type { Build } from './context.ts';

/** Bytes that a durable stream may keep where the graph says nothing. */
const DURABLE_BYTES = 256 * 1_048_576;

export function policyOf({ parallelism, durable, queue, stays }: RunEntry): NodePolicy {
  const kept = durableOf(durable);
  return {
    ...(parallelism === undefined || parallelism === 1 ? {} : { parallelism }),
    ...defined({ durable: kept, queue, stays }),
  };
}

export function memoryOf({ memory }: RunEntry): { readonly memory?: MemoryLimit } {
  if (memory === undefined) return {};
  return { memory: { bytes: memory.limit, onLimit: memory.onLimit ?? 'fail' } };
}

function durableOf(durable: RunEntry['durable']): Durable | undefined {
  if (durable === undefined || durable === false) return undefined;
  const given = durable === true ? {} : durable;
  return { maxBytes: given.maxBytes ?? DURABLE_BYTES, onFull: given.onFull ?? 'block' };
}

export function checkSourcePolicy(value: SourceEntry, path: Path, build: Build): void {
  if (value.memory !== undefined && value.orderBy === undefined) {
    const message = 'the memory of a source is what orderBy may take, and there is no orderBy';
    build.atKey([...path, 'memory'], 'graph.without-kind', message);
  }
  if (value.memory?.onLimit === 'evict') {
    const message = 'a source cannot leave out what it is to put in order: onLimit is fail';
    build.atValue([...path, 'memory', 'onLimit'], 'graph.bad-value', message);
  }
  if (value.orderBy !== undefined && value.parallelism !== undefined && value.parallelism !== 1) {
    const message = 'orderBy puts all of a source into one order, and partitions have one each';
    build.atValue([...path, 'parallelism'], 'graph.parallelism', message, 'remove one of the two');
  }
  if (value.stays === 'anywhere') {
    const message = 'what a source reads stays nowhere unless it says so: "anywhere" is for operators';
    build.atValue([...path, 'stays'], 'graph.bad-value', message);
  }
  checkEach(value, path, build);
}

export function checkOperatorPolicy(value: OperatorEntry, steps: readonly Step[], path: Path, build: Build): void {
  const aggregate = steps.find((step) => step.kind === 'aggregate');
  const component = steps.find((step) => step.kind === 'component');
  const join = steps.find((step) => step.kind === 'join');
  if (value.memory !== undefined && aggregate === undefined && component === undefined && join === undefined) {
    const message = 'memory bounds the state of an aggregate, a join or a component, and there is none';
    build.atKey([...path, 'memory'], 'graph.without-kind', message);
  }
  if (value.memory?.onLimit === 'evict' && component !== undefined) {
    const message = 'what a component keeps is its own affair: nothing of it can be evicted';
    build.atValue(
      [...path, 'memory', 'onLimit'],
      'graph.bad-value',
      message,
      'leave onLimit out: it fails at the limit',
    );
  }
  if (value.memory?.onLimit === 'evict' && join !== undefined) {
    const message = 'a join that is put out before its time would miss pairs: onLimit is fail';
    build.atValue([...path, 'memory', 'onLimit'], 'graph.bad-value', message);
  }
  checkEach(value, path, build);
  if (value.parallelism === undefined || value.parallelism === 1) return;
  const at = [...path, 'parallelism'];
  if (component !== undefined && component.keys === undefined) {
    const message = 'what a component keeps between rows is not known, so its rows cannot be dealt to partitions';
    build.atValue(at, 'graph.parallelism', message, 'say by which columns: groupBy: [machine]');
  }
  if (aggregate === undefined) return;
  if (aggregate.keys.length === 0) {
    const message = 'an aggregate without groupBy is one group: there is nothing to run in parallel';
    build.atValue(at, 'graph.parallelism', message, 'remove it, or add groupBy');
  }
  if (aggregate.late === 'divert' && aggregate.keys.some(({ expr }) => expr.node !== 'column')) {
    const message =
      'late rows come out as they came in, so that rows can be dealt by columns only, and a key is computed';
    build.atValue(at, 'graph.parallelism', message, 'compute the key by `with` in an operator before this one');
  }
}

function checkEach(value: RunEntry, path: Path, build: Build): void {
  if (value.parallelism === undefined || value.parallelism === 1) return;
  if (eachOf(String(path.at(-1)), build) === undefined) return;
  const message = 'it runs once a site, as its placement says `each`';
  build.atValue([...path, 'parallelism'], 'graph.parallelism', message, 'remove one of the two');
}

/** The tier or label that a node runs on each site of. */
export function eachOf(name: string, build: Build): string | undefined {
  return placementOf(name, build.placement)?.each;
}

/** Whether an operator keeps something from row to row. */
export function hasState({ steps }: Pick<OperatorNode, 'steps'>): boolean {
  return steps.some(({ kind }) => kind === 'aggregate' || kind === 'join' || kind === 'component');
}
