/** The steps of one operator as they are made, and the stream that flows after the last of them. */
import type { Scope } from '../../expression/check.ts';
import type { OperatorEntry } from '../document.ts';
import type { FilterStep, Step } from '../plan.ts';
import type { Path } from '../tree.ts';
import { aggregate } from './aggregate.ts';
import { componentInputs, describe } from './component.ts';
import type { Build } from './context.ts';
import { predicateAt, scopeOf } from './expressions.ts';
import { join } from './join.ts';
import { addColumns, select } from './project.ts';
import type { Stream } from './stream.ts';
import type { Input } from './union.ts';

export class Chain {
  readonly steps: Step[] = [];
  /** Outputs of a component besides the main one. */
  readonly further: Map<string, Stream> = new Map();
  readonly #path: Path;
  readonly #build: Build;
  /** Undefined once the columns cannot be told: then nothing more is checked against them. */
  #stream: Stream | undefined;
  #alias: string | undefined;
  /** Of a join, whose columns are called otherwise than its alias says. */
  #scope: Scope | undefined;
  #failed = false;

  constructor(path: Path, input: Stream, alias: string | undefined, build: Build) {
    this.#path = path;
    this.#stream = input;
    this.#alias = alias;
    this.#build = build;
  }

  get stream(): Stream | undefined {
    return this.#stream;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** There is no operator to be made, though its columns are known. */
  fail(): void {
    this.#failed = true;
  }

  /** From here on the columns are unknown, because something that makes them is wrong and has been reported. */
  lose(): void {
    this.#stream = undefined;
    this.#failed = true;
  }

  /** Keeps rows by a condition; a wrong one leaves the columns known. */
  filter(key: 'filter' | 'having'): void {
    if (this.#stream === undefined) return;
    const path = [...this.#path, key];
    const found = predicateAt(path, this.#scopeOf(this.#stream), this.#build);
    if (found === undefined) {
      this.#failed = true;
      return;
    }
    const step: FilterStep = {
      kind: 'filter',
      text: found.text,
      predicate: found.expr,
      place: this.#build.place(path),
    };
    this.steps.push(step);
  }

  aggregate(entry: OperatorEntry): void {
    if (this.#stream === undefined) return;
    const made = aggregate(entry, this.#path, this.#stream, this.#alias, this.#build);
    if (made === undefined) this.lose();
    else this.#take(made.step, made.stream);
    this.#alias = undefined;
  }

  async component(entry: OperatorEntry, inputs: readonly Input[], union: Stream | undefined): Promise<void> {
    const made = await describe(entry, this.#path, componentInputs(inputs, union), this.#build);
    const main = made?.outputs.get('');
    if (made === undefined || main === undefined) {
      this.lose();
      return;
    }
    this.#take(made.step, main);
    this.#alias = undefined;
    for (const [port, stream] of made.outputs) if (port !== '') this.further.set(port, stream);
  }

  join(entry: OperatorEntry, inputs: readonly Input[]): void {
    const made = join(entry, this.#path, inputs, this.#build);
    if (made === undefined) {
      this.lose();
      return;
    }
    this.#take(made.step, made.stream);
    if (made.rest !== undefined) this.steps.push(made.rest);
    this.#alias = undefined;
    this.#scope = made.scope;
  }

  #scopeOf({ schema }: Stream): Scope {
    return this.#scope ?? scopeOf(schema, this.#alias);
  }

  project(entry: OperatorEntry): void {
    const columns = entry.select ?? entry.with;
    if (this.#stream === undefined || columns === undefined) return;
    const key = entry.select === undefined ? 'with' : 'select';
    const input = { operator: String(this.#path.at(-1)), stream: this.#stream, scope: this.#scopeOf(this.#stream) };
    const make = key === 'select' ? select : addColumns;
    const made = make(columns, [...this.#path, key], input, this.#build);
    if (made === undefined) this.lose();
    else this.#take(made.step, made.stream);
  }

  #take(step: Step, stream: Stream): void {
    this.steps.push(step);
    this.#stream = stream;
  }
}
