/** `placement`: names, keys that exclude each other, nodes that run on each site, data that stays. What depends on the agents there are is checked at deploy. */
import type { PlacementEntry } from '../document.ts';
import { placementOf } from '../placement.ts';
import type { OperatorNode, SinkNode } from '../plan.ts';
import { type Bounds, type Staying, stayBounds, stayProof } from '../stays.ts';
import { didYouMean } from '../suggest.ts';
import type { Build } from './context.ts';
import type { Names } from './names.ts';
import type { Nodes } from './nodes.ts';
import { eachOf, hasState } from './policy.ts';

const EVERYTHING = '*';

export function checkPlacementNames(names: Names, build: Build): void {
  for (const name of build.places.keys(['spec', 'placement'])) {
    const path = ['spec', 'placement', name];
    if (name !== EVERYTHING && !names.has(name)) {
      const message = `placement names "${name}", which is no source, operator or sink`;
      build.atKey(path, 'graph.unknown-name', message, didYouMean(name, names.keys()));
    }
    const entry = build.placement?.[name];
    if (entry !== undefined) checkEntry(entry, path, names, build);
  }
}

function checkEntry(entry: PlacementEntry, path: readonly string[], names: Names, build: Build): void {
  if (entry.each !== undefined && entry.site !== undefined) {
    const message = 'each runs it on every site that matches, and site on one';
    build.atKey([...path, 'site'], 'graph.placement-each', message, 'remove one of the two');
  }
  for (const [index, other] of (entry.apart ?? []).entries()) {
    if (names.has(other)) continue;
    const message = `"${other}" is no source, operator or sink`;
    build.atValue([...path, 'apart', index], 'graph.unknown-name', message, didYouMean(other, names.keys()));
  }
}

/** What runs on each site reads only what does so, too. */
export function checkEach({ sources, operators, sinks }: Nodes, build: Build): void {
  const each = new Map(sources.map(({ name }) => [name, eachOf(name, build)]));
  for (const node of [...operators, ...sinks]) {
    const own = eachOf(node.name, build);
    const read = node.inputs.map(({ node: from }) => each.get(from));
    each.set(node.name, own ?? followed(node, read, build));
    const wrong = node.inputs.find(({ node: from }) => each.has(from) && each.get(from) !== own);
    if (own === undefined || wrong === undefined) continue;
    const message = `"${node.name}" runs on each ${own}, and reads "${wrong.node}", which does not`;
    build.atValue(
      ['spec', 'placement', node.name, 'each'],
      'graph.placement-each',
      message,
      `place "${wrong.node}" by the same each`,
    );
  }
}

/** What keeps no state and is not placed runs beside what it reads. */
function followed(
  node: OperatorNode | SinkNode,
  read: readonly (string | undefined)[],
  build: Build,
): string | undefined {
  const isFollower = 'steps' in node && !hasState(node) && placementOf(node.name, build.placement) === undefined;
  return isFollower && new Set(read).size === 1 ? read[0] : undefined;
}

/** Data that stays in one tier must not be wanted in the other. Where the tier of a site counts, that is for the deployment to see. */
export function checkStays(nodes: Nodes, build: Build): void {
  const bounds = stayBounds(nodes);
  for (const [name, stayings] of bounds.nodes) {
    const [first, second] = stayings;
    if (first === undefined) continue;
    if (second !== undefined) {
      if (isConsequence(name, nodes, bounds)) continue;
      const message = `"${name}" would bring together what must not leave its tier: ${stayProof(first)}; ${stayProof(second)}`;
      build.atKey(
        pathOf(name, nodes),
        'graph.stays',
        message,
        'let an operator before it say stays: anywhere, if what it yields may leave',
      );
      continue;
    }
    checkTier(name, first, build);
  }
}

/** What it reads is in contradiction already. */
function isConsequence(name: string, { operators, sinks }: Nodes, bounds: Bounds): boolean {
  const inputs = [...operators, ...sinks].find((node) => node.name === name)?.inputs ?? [];
  return inputs.some(({ node }) => {
    const frees = operators.some((operator) => operator.name === node && operator.stays === 'anywhere');
    return !frees && (bounds.nodes.get(node)?.length ?? 0) > 1;
  });
}

function checkTier(name: string, staying: Staying, build: Build): void {
  const entry = placementOf(name, build.placement);
  const key = entry?.tier === undefined ? 'each' : 'tier';
  const tier = entry?.tier ?? entry?.each;
  if ((tier !== 'edge' && tier !== 'cloud') || tier === staying.tier) return;
  const at = build.placement?.[name]?.[key] === undefined ? EVERYTHING : name;
  const message = `"${name}" is placed in tier ${tier}, but ${stayProof(staying)}`;
  const hint =
    'place it in the other tier, or let an operator before it say stays: anywhere, if what it yields may leave';
  build.atValue(['spec', 'placement', at, key], 'graph.stays', message, hint);
}

function pathOf(name: string, { sources, operators }: Nodes): readonly string[] {
  if (sources.some((source) => source.name === name)) return ['spec', 'sources', name];
  return ['spec', operators.some((operator) => operator.name === name) ? 'operators' : 'sinks', name];
}
