/** Walks the graph in the order of its data: sources, operators each after what it reads, sinks. */
import type { OperatorEntry, SinkEntry } from '../document.ts';
import type { Entry, ParsedGraph } from '../parse.ts';
import type { OperatorNode, SourceNode } from '../plan.ts';
import { checkConflicts } from './conflicts.ts';
import type { Build } from './context.ts';
import { checkDelivery, checkDurable } from './guarantees.ts';
import { withHolding } from './holding.ts';
import { collectNames, type Names } from './names.ts';
import type { Nodes } from './nodes.ts';
import { buildOperator } from './operator.ts';
import { orderOperators } from './order.ts';
import { checkEach, checkPlacementNames, checkStays } from './placing.ts';
import { checkAliases, checkName, type Reference, referencesOf, streamOf } from './reference.ts';
import { buildSink } from './sink.ts';
import { buildSource } from './source.ts';
import type { Outputs } from './stream.ts';
import type { Input } from './union.ts';
import { warnUnused } from './unused.ts';

export class Planner {
  readonly #parsed: ParsedGraph;
  readonly #build: Build;
  readonly #names: Names;
  /** Undefined where a node has errors that leave its columns unknown. */
  readonly #outputs = new Map<string, Outputs>();
  /** The references of each operator and sink; undefined where one of them is wrong. */
  readonly #references = new Map<unknown, readonly Reference[] | undefined>();

  /** An output was named that its node does not have. */
  #misread = false;

  constructor(parsed: ParsedGraph, build: Build) {
    this.#parsed = parsed;
    this.#build = build;
    this.#names = collectNames(parsed, build);
  }

  /** The nodes without errors, and everything that is wrong reported. */
  async run(): Promise<Nodes> {
    this.#checkNotEmpty();
    checkPlacementNames(this.#names, this.#build);
    for (const entry of [...this.#parsed.operators, ...this.#parsed.sinks]) this.#resolve(entry);
    const order = orderOperators(this.#operatorInputs());
    for (const cycle of order.cycles) this.#reportCycle(cycle);
    const sources = await this.#sources();
    const operators = await this.#operators(order.sorted);
    const sinks = this.#parsed.sinks.flatMap((entry) => buildSink(entry, this.#inputsOf(entry), this.#build) ?? []);
    await checkConflicts(this.#parsed.file, this.#build);
    this.#warnUnused();
    const nodes = withHolding({ sources, operators, sinks }, this.#build);
    checkEach(nodes, this.#build);
    checkStays(nodes, this.#build);
    checkDurable(nodes, this.#build);
    checkDelivery(nodes, this.#parsed.document?.spec.checkpoint, this.#build);
    return nodes;
  }

  #checkNotEmpty(): void {
    const { sources, sinks } = this.#parsed;
    const spec = ['spec'];
    if (sources.length === 0 && this.#build.places.has(['spec', 'sources'])) {
      this.#build.atKey(['spec', 'sources'], 'graph.no-sources', 'the graph has no source');
    }
    if (sinks.length === 0 && (this.#build.context.reads ?? []).length === 0) {
      const path = this.#build.places.has(['spec', 'sinks']) ? ['spec', 'sinks'] : spec;
      this.#build.atKey(
        path,
        'graph.no-sinks',
        'the graph has no sink',
        'sinks: { table: { from: ..., console: {} } }',
      );
    }
  }

  #resolve(entry: Entry<OperatorEntry | SinkEntry>): void {
    const from = entry.value?.from;
    if (from === undefined) {
      this.#references.set(entry, undefined);
      return;
    }
    const references = referencesOf(from, [...entry.path, 'from']);
    const right = references.filter((reference) => checkName(reference, this.#names, this.#build));
    const distinct = checkAliases(references, this.#build);
    this.#references.set(entry, distinct && right.length === references.length ? references : undefined);
  }

  /** For each operator the operators it reads, cycles included; names that are wrong are left out. */
  #operatorInputs(): ReadonlyMap<string, readonly string[]> {
    const inputs = new Map<string, readonly string[]>();
    for (const named of this.#names.values()) {
      if (named.kind !== 'operator') continue;
      const { value, path } = named.entry;
      const reads = value === undefined ? [] : referencesOf(value.from, [...path, 'from']).map(({ ref }) => ref.node);
      inputs.set(named.name, [...new Set(reads.filter((name) => this.#names.get(name)?.kind === 'operator'))]);
    }
    return inputs;
  }

  #reportCycle(cycle: readonly string[]): void {
    const [first = ''] = cycle;
    const text = [...cycle, first].join(' -> ');
    const path = ['spec', 'operators', first, 'from'];
    const message = cycle.length === 1 ? `"${first}" reads itself` : `a cycle: ${text}`;
    this.#build.atValue(path, 'graph.cycle', message, feedbackHint(first));
  }

  async #sources(): Promise<SourceNode[]> {
    const built = await Promise.all(this.#parsed.sources.map((entry) => buildSource(entry, this.#build)));
    for (const [index, { outputs }] of built.entries()) {
      const name = this.#parsed.sources[index]?.name;
      if (name !== undefined) this.#outputs.set(name, outputs);
    }
    return built.flatMap(({ node }) => node ?? []);
  }

  async #operators(sorted: readonly string[]): Promise<OperatorNode[]> {
    const nodes: OperatorNode[] = [];
    const known = new Set(sorted);
    const unsorted = [...this.#names.keys()].filter((name) => !known.has(name));
    for (const name of [...sorted, ...unsorted]) {
      const named = this.#names.get(name);
      if (named?.kind !== 'operator') continue;
      const { node, outputs } = await buildOperator(named.entry, this.#inputsOf(named.entry), this.#build);
      this.#outputs.set(name, outputs);
      if (node !== undefined) nodes.push(node);
    }
    return nodes;
  }

  /** Undefined where one of them has errors, or is in a cycle: what it gives is then unknown. */
  #inputsOf(entry: Entry<OperatorEntry | SinkEntry>): Input[] | undefined {
    const references = this.#references.get(entry);
    if (references === undefined) return undefined;
    const inputs = references.flatMap((reference) => {
      const outputs = this.#outputs.get(reference.ref.node);
      const stream = streamOf(reference, outputs, this.#build);
      this.#misread ||= outputs !== undefined && stream === undefined;
      return stream === undefined ? [] : [{ reference, stream }];
    });
    return inputs.length === references.length ? inputs : undefined;
  }

  /** Only where every name and reference is right: else what seems unread may be what was meant. */
  #warnUnused(): void {
    const references = [...this.#references.values()];
    const { sources, operators, sinks } = this.#parsed;
    const repeated = this.#names.size < sources.length + operators.length + sinks.length;
    if (references.includes(undefined) || repeated || this.#misread || references.length === 0) return;
    warnUnused(
      this.#names,
      this.#outputs,
      references.flatMap((each) => each ?? []),
      this.#build,
    );
  }
}

/** A NATS subject is outside of the graph: what goes in there may come back. */
function feedbackHint(name: string): string {
  return `let it go out and in again: a sink { from: ${name}, nats: { subject: feedback } } and a source { nats: { subject: feedback } } (jetstream, if no row may be lost)`;
}
