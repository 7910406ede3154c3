/** A compiled chain for a host elsewhere to go on with. `cell.json` says what a host must know (docs/cell-abi.md), and for one that is our engine what the code was made of. */
import { createHash } from 'node:crypto';
import { byteWidth, isVariable, type Schema } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { openCompiledCell } from '../../engine/cell/compiled.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { type GeneratedCell, generate } from '../../engine/compile/codegen/generate.ts';
import type { CellImage } from '../../engine/state/checkpoint/state.ts';
import { chainOf, type OperatorText } from '../kit/chains.ts';
import {
  describePort,
  type HandedCode,
  type HandedEvent,
  type Returned,
  readReturned,
  roomOf,
  supportCode,
  writeHanded,
} from './handed-files.ts';

/** The code of a plan, and what its hosts must know of it. */
export class HandedCell implements HandedCode {
  readonly plan: CellPlan;
  readonly #chain: object;
  readonly #generated: GeneratedCell;
  readonly #support: Uint8Array = supportCode();
  readonly #module: Uint8Array;
  /** As `CellImage.module`. */
  readonly digest: string;

  constructor(schema: Schema, operators: readonly OperatorText[]) {
    this.plan = chainOf(schema, operators);
    this.#chain = { schema, operators };
    this.#generated = generate(this.plan);
    this.#module = this.#generated.module.encode();
    this.digest = createHash('sha256').update(this.#support).update(this.#module).digest('hex');
  }

  write(directory: string, image: CellImage | undefined, events: readonly HandedEvent[]): void {
    const code = { module: this.#module, says: this.#describe(), madeOf: this.#chain };
    writeHanded(directory, { ...code, support: this.#support, digest: this.digest, image, events });
  }

  #describe(): object {
    const { heap, positions, ports, input, sites, aggregate } = this.#generated;
    return {
      ...roomOf(heap),
      positions,
      timeUnits: aggregate === undefined ? null : Number(aggregate.timeUnits),
      sites: sites.map(({ operator }) => operator.name),
      ports: ports.flatMap((port) => (port === undefined ? [] : [describePort(port)])),
      input: {
        rows: input.rows,
        places: [...input.places.values()].map(({ column, field, values, validity = null, data = null }) => {
          return { column, width: isVariable(field.type) ? -1 : byteWidth(field.type), values, validity, data };
        }),
      },
    };
  }

  open(): Cell {
    return openCompiledCell(this.plan);
  }

  read(directory: string): Returned {
    return readReturned(directory, this.plan, this.digest);
  }
}
