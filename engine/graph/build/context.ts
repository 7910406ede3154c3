/** What every step of planning shares: the parsed graph, the world's answers, and where findings go. */
import type { Schema } from '../../batch/types.ts';
import type { Place, Problem } from '../../errors.ts';
import type { Span } from '../../expression/ir.ts';
import type { Connector } from '../connector.ts';
import type { PlacementEntry } from '../document.ts';
import type { Findings } from '../findings.ts';
import { problem } from '../issues.ts';
import type { Places } from '../places.ts';
import type { Path } from '../tree.ts';

export interface PlanContext {
  readonly connectors: readonly Connector[];
  /** The schema of a source's data where the graph gives none; rejects with a CloudskinError. `options` as parsed. */
  inferSchema(source: string, connector: Connector, options: unknown): Promise<Schema>;
  /**
   * Output schemas by port (`''` the main one) of a component with this configuration. `inputs` by alias, in the graph's order;
   * the one input without alias is `''`. Rejects with a CloudskinError.
   */
  describeComponent(
    component: string,
    config: Readonly<Record<string, unknown>>,
    inputs: ReadonlyMap<string, Schema>,
  ): Promise<ReadonlyMap<string, Schema>>;
  /** Streams (`name` or `name.port`) that the caller reads itself: they count as used, and sinks may then be missing. */
  readonly reads?: readonly string[];
}

/** A source or sink whose connector is known and whose options are right, whatever else is wrong with it. */
export interface End {
  readonly side: 'source' | 'sink';
  readonly name: string;
  readonly connector: Connector;
  readonly options: unknown;
  /** Of the connector's key. */
  readonly path: Path;
}

export class Build {
  readonly context: PlanContext;
  /** In the order in which they were found. */
  readonly ends: End[] = [];
  readonly places: Places;
  readonly placement: Readonly<Record<string, PlacementEntry>> | undefined;
  readonly #findings: Findings;

  constructor(
    context: PlanContext,
    places: Places,
    findings: Findings,
    placement?: Readonly<Record<string, PlacementEntry>>,
  ) {
    this.context = context;
    this.places = places;
    this.placement = placement;
    this.#findings = findings;
  }

  add(found: Problem): void {
    this.#findings.add(found);
  }

  /** An error at the value written at `path`. */
  atValue(path: Path, code: string, message: string, hint?: string): void {
    this.add(problem(code, message, this.places.value(path), hint));
  }

  /** An error at the key `path` ends with. */
  atKey(path: Path, code: string, message: string, hint?: string): void {
    this.add(problem(code, message, this.places.key(path), hint));
  }

  warnAtKey(path: Path, code: string, message: string, hint?: string): void {
    this.add({ ...problem(code, message, this.places.key(path), hint), severity: 'warning' });
  }

  /** An error inside the expression at `path`. */
  atSpan(path: Path, span: Span, code: string, message: string, hint?: string): void {
    this.add(problem(code, message, this.places.span(path, span), hint));
  }

  /** Where a node or step stands, for the plan. */
  place(path: Path): Place {
    return this.places.key(path);
  }
}
