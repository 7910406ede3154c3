/**
 * Which fragments of a checkpoint hold state of a fragment's nodes, by the index that receipts carry: a checkpoint of many partitions is
 * not read whole by each of them.
 */
import type { CellPlan } from '../../compile/cell-plan.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import type { Json } from '../../json.ts';
import type { FragmentReceipt } from '../../state/checkpoint/checkpoints.ts';
import { endKey, shareWord } from '../../state/checkpoint/layout.ts';
import { hasOperatorOf } from './restore.ts';

/** `partition/partitions` by source, cell, sink and durable channel. */
type Index = Readonly<Record<string, Json>>;

/** Names of fragments; those whose receipt says nothing of its nodes may hold anything. */
export function neededFragments(receipts: readonly FragmentReceipt[], plan: FragmentPlan): readonly string[] {
  const own = indexOf(receipts.find(({ fragment }) => fragment === plan.name));
  return receipts.flatMap((receipt) => {
    const { fragment } = receipt;
    const index = indexOf(receipt);
    const isNeeded =
      fragment === plan.name || index === undefined || Object.keys(index).some((key) => takes(plan, key, own));
    return isNeeded ? [fragment] : [];
  });
}

/** Whether something of the plan takes state that another fragment had under `key`. */
function takes(plan: FragmentPlan, key: string, own: Index | undefined): boolean {
  const ends = [...plan.inlets, ...plan.outlets].flatMap(({ channels }) => channels);
  if (ends.some(({ id }) => endKey(id) === key)) return own?.[key] === undefined;
  const isPlain = [...plan.sources, ...plan.sinks].some(({ name }) => name === key);
  const cell = isPlain ? undefined : takerOf(plan, key);
  if (!isPlain && cell === undefined) return false;
  const share = plan.shares.get(isPlain ? key : (cell?.operators[0]?.name ?? ''));
  if (share?.site !== undefined) return false;
  const isSame = isPlain || cell?.name === key;
  return !isSame || own?.[key] !== shareWord(share);
}

function takerOf({ cells }: FragmentPlan, key: string): CellPlan | undefined {
  return cells.find(({ name }) => name === key) ?? cells.find((cell) => hasOperatorOf(key, cell));
}

function indexOf(receipt: FragmentReceipt | undefined): Index | undefined {
  const detail = receipt?.detail;
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return undefined;
  const { nodes } = detail as { readonly nodes?: Json };
  return typeof nodes === 'object' && nodes !== null && !Array.isArray(nodes) ? (nodes as Index) : undefined;
}
