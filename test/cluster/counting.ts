/** An app that counts, on real processes: whatever is done to it, what has come out in the end are the whole numbers from 0 on, each once, in order. */
import { expect } from 'vitest';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { Continuum } from './processes.ts';

export interface CountingDraft {
  readonly placement: string;
  /** Further options of the source, and of the sink. */
  readonly source?: string;
  readonly sink?: string;
}

export class Counting {
  readonly name: string;
  readonly #continuum: Continuum;

  /** Names of one continuum have to differ, and none may begin with another. */
  constructor(continuum: Continuum, name = 'numbers') {
    this.#continuum = continuum;
    this.name = name;
  }

  /** Without an end: no test depends on how far it comes in a time. */
  graph({ placement, source = '', sink = '' }: CountingDraft): string {
    return `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${this.name} }
spec:
  sources:
    rows: { generate: { rate: 2500, columns: { id: { sequence: {} } } }, schema: { id: int64 }${source} }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out: { from: twice, file: { path: ${this.name}.ndjson }${sink} }
  placement: ${placement}
  checkpoint: { every: 200ms }
`;
  }

  /** Resolves when rows flow and checkpoints are complete. */
  async deploy(draft: CountingDraft): Promise<RegionFigures> {
    const file = this.#continuum.graph(`${this.name}.yaml`, this.graph(draft));
    await this.#continuum.ok('deploy', file, '--wait', 'rows');
    return this.until(({ checkpoint }) => checkpoint > 1);
  }

  /** Resolves to its region once that is as wanted. */
  until(wanted: (region: RegionFigures) => boolean): Promise<RegionFigures> {
    return this.#continuum.whenRegion(this.name, wanted);
  }

  /** Resolves when it runs, and has completed two checkpoints more since then. */
  async goesOn(): Promise<RegionFigures> {
    const { checkpoint } = await this.until(({ phase }) => phase === 'running');
    return this.until((now) => now.phase === 'running' && now.checkpoint > checkpoint + 1);
  }

  output(): readonly number[] {
    return this.#continuum.ids(this.name);
  }

  /** Ends it, with all that it has shown then: without a gap, without anything twice, and more than there was. */
  async mustBeWhole(): Promise<void> {
    await this.goesOn();
    const before = this.output().length;
    await this.#continuum.ok('undeploy', this.name);
    const numbers = this.output();
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index));
    expect(numbers.length).toBeGreaterThan(before);
  }
}
