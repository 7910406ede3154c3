/**
 * Fusion: neighbouring declared operators become one chain, one cell, one Wasm module. An operator joins the chain of the
 * operator it reads when that is its only input, it is the only reader of that operator's main output, neither is a
 * component or a join, and the chain keeps at most one stateful step. A chain's first operator may read a union.
 */
import type { LogicalPlan, OperatorNode, Step, StreamRef } from '../graph/plan.ts';
import type { CellPlan, OutputPort, PhysicalPlan } from './cell-plan.ts';
import { addSiteColumns } from './site-column.ts';
import { splitComponents } from './split.ts';

/** The physical plan of one process: every operator in exactly one cell, cells after those they read. */
export function fuse(whole: LogicalPlan): PhysicalPlan {
  const plan = splitComponents(addSiteColumns(whole));
  return { graph: whole, logical: plan, cells: fuseOperators(plan, []) };
}

/** Cells of the plan's operators, components being alone in theirs. `reads`: streams that are read elsewhere, too. */
export function fuseOperators(plan: Pick<LogicalPlan, 'operators' | 'sinks'>, reads: readonly StreamRef[]): CellPlan[] {
  const readers = countReaders(plan, reads);
  const chains: OperatorNode[][] = [];
  /** The chain that an operator closes so far: only a chain's last operator can be joined. */
  const openChains = new Map<string, OperatorNode[]>();
  for (const operator of plan.operators) {
    const chain = chainToJoin(operator, openChains, readers);
    if (chain === undefined) {
      const own = [operator];
      chains.push(own);
      openChains.set(operator.name, own);
    } else {
      openChains.delete(chain.at(-1)?.name ?? '');
      chain.push(operator);
      openChains.set(operator.name, chain);
    }
  }
  return chains.map((chain) => cellOf(chain, readers));
}

/** True for a step that keeps state between batches. */
export function isStateful(step: Step): boolean {
  return step.kind === 'aggregate' || step.kind === 'join';
}

function chainToJoin(
  operator: OperatorNode,
  openChains: ReadonlyMap<string, OperatorNode[]>,
  readers: ReadonlyMap<string, number>,
): OperatorNode[] | undefined {
  const [input, ...others] = operator.inputs;
  if (input === undefined || others.length > 0 || input.port !== '') return undefined;
  if (readers.get(streamKey(input)) !== 1) return undefined;
  const chain = openChains.get(input.node);
  if (chain === undefined || isAlone(operator) || chain.some(isAlone)) return undefined;
  const stateful = [...chain, operator].flatMap((member) => member.steps).filter(isStateful);
  return stateful.length > 1 ? undefined : chain;
}

function cellOf(chain: readonly OperatorNode[], readers: ReadonlyMap<string, number>): CellPlan {
  const head = chain[0] as OperatorNode;
  return {
    name: chain.map((operator) => operator.name).join('+'),
    kind: kindOf(chain),
    operators: chain,
    inputs: head.inputs,
    input: head.input,
    outputs: outputsOf(chain, readers),
  };
}

/** The last operator's main output, then what else is read of any of them, in the order of the chain. */
function outputsOf(chain: readonly OperatorNode[], readers: ReadonlyMap<string, number>): OutputPort[] {
  const ports: OutputPort[] = [];
  const last = chain.at(-1);
  for (const operator of chain) {
    for (const [port, schema] of operator.outputs) {
      const main = operator === last && port === '';
      if (main) ports.unshift({ operator: operator.name, port, schema });
      else if (port !== '' && readers.has(streamKey({ node: operator.name, port }))) {
        ports.push({ operator: operator.name, port, schema });
      }
    }
  }
  return ports;
}

function kindOf(chain: readonly OperatorNode[]): CellPlan['kind'] {
  const alone = chain.flatMap(({ steps }) => steps).find(({ kind }) => kind === 'component' || kind === 'join');
  return alone?.kind === 'component' || alone?.kind === 'join' ? alone.kind : 'compiled';
}

/** A component or a join, which the plan has made operators of their own (split.ts). */
function isAlone(operator: OperatorNode): boolean {
  return kindOf([operator]) !== 'compiled';
}

function countReaders(
  { operators, sinks }: Pick<LogicalPlan, 'operators' | 'sinks'>,
  reads: readonly StreamRef[],
): Map<string, number> {
  const readers = new Map<string, number>();
  for (const input of [
    ...operators.flatMap(({ inputs }) => inputs),
    ...sinks.flatMap(({ inputs }) => inputs),
    ...reads,
  ]) {
    const key = streamKey(input);
    readers.set(key, (readers.get(key) ?? 0) + 1);
  }
  return readers;
}

/** Names are DNS labels, so a dot cannot be part of one. */
export function streamKey(ref: StreamRef): string {
  return `${ref.node}.${ref.port}`;
}
