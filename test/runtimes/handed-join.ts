/** A join of real readings with each other for a host elsewhere to go on with. */
import type { Cell } from '../../engine/cell/cell.ts';
import { openJoinCell } from '../../engine/cell/join.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { type GeneratedJoin, generateJoin } from '../../engine/compile/codegen/join.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { joinOf } from '../../engine/compile/state/join-chain.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import type { CellImage } from '../../engine/state/checkpoint/state.ts';
import { Ledger } from '../kit/ledger.ts';
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
import { readings } from './readings.ts';

const READING = '{ at: "timestamp[ms]", series: utf8, value: float64, text: utf8 }';
const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: joined }
spec:
  sources:
    l: { ledger: {}, schema: ${READING}, time: { column: at } }
    r: { ledger: {}, schema: ${READING}, time: { column: at } }
  operators:
    pairs: { from: { a: l, b: r }, join: { where: a.text = b.text }, window: { tumbling: 1d }, onError: skip, select: { text: a.text } }
  sinks: { out: { from: pairs, ledger: {} } }
`;

export class HandedJoin implements HandedCode {
  readonly plan: CellPlan;
  readonly digest: string;
  readonly #generated: GeneratedJoin;

  private constructor(plan: CellPlan, digest: string) {
    this.plan = plan;
    this.digest = digest;
    this.#generated = generateJoin(joinOf(plan).step);
  }

  static async make(): Promise<HandedJoin> {
    const { connector } = new Ledger({});
    const prepared = await prepareText(GRAPH, 'g.yaml', { connectors: [connector], environment: {} });
    const plan = fuse(planOrThrow(prepared)).cells.find(({ kind }) => kind === 'join');
    if (plan === undefined) throw new Error('the graph has a join');
    const cell = openJoinCell(plan);
    const digest = cell.state?.image?.().module ?? '';
    cell.close();
    return new HandedJoin(plan, digest);
  }

  open(): Cell {
    return openJoinCell(this.plan);
  }

  write(directory: string, image: CellImage | undefined, events: readonly HandedEvent[]): void {
    const { bytes, join, port, heap } = this.#generated;
    const columns = Math.max(...joinOf(this.plan).step.sides.map(({ input }) => input.fields.length));
    const says = { ...roomOf(heap), join, columns, ports: [describePort(port)] };
    const code = { support: supportCode(), module: bytes, digest: this.digest };
    writeHanded(directory, { ...code, says, madeOf: { plan: this.plan }, image, events });
  }

  read(directory: string): Returned {
    return readReturned(directory, this.plan, this.digest);
  }
}

/** The readings, by turns on the one side and on the other. */
export function pairedReadings(): readonly HandedEvent[] {
  return readings().map((event, index) =>
    event !== 'end' && 'batch' in event ? { ...event, input: (index >> 1) % 2 } : event,
  );
}
