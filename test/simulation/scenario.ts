/** What a simulated run is to the harness: a seed goes in, what happened and what went wrong comes out. */

export interface FaultRecord {
  /** Milliseconds since the beginning. */
  readonly at: number;
  readonly kind: string;
  /** What the system was doing then. */
  readonly phase: string;
}

export interface Outcome {
  readonly scenario: string;
  readonly seed: number;
  readonly plant?: string;
  /** What must never be; empty where all is well. */
  readonly violations: readonly string[];
  readonly faults: readonly FaultRecord[];
  readonly batches: number;
  /** Events of the virtual clock. */
  readonly steps: number;
  /** Milliseconds of the virtual clock. */
  readonly virtual: number;
  /** Changes of places and partitions that were made, where somebody asked for them. */
  readonly moves?: { readonly live: number; readonly restart: number };
  readonly log: readonly string[];
}

export interface Plant {
  readonly name: string;
  /** The bug, as a sentence. */
  readonly bug: string;
}

export interface Scenario {
  readonly name: string;
  /** Rows and columns of the coverage table. */
  readonly kinds: readonly string[];
  readonly phases: readonly string[];
  /** Bugs that can be planted, to see whether they are found. */
  readonly plants: readonly Plant[];
  run(seed: number, plant?: string): Promise<Outcome>;
}
