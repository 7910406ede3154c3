/** Moves as they go on, told to whoever listens: a planner, a dashboard, a command. Told at most once; what has come of a move is in the figures of its region, too. */
import type { Nats, Subscription } from '../../nats/nats.ts';
import { encodeDocument, parseBytes } from './document.ts';
import { type AppName, eventsSubject } from './names.ts';
import { figure, oneOf, optional, type Read, shape, text, whole } from './read-json.ts';
import { type MoveReceipt, moveReceipt } from './status.ts';

/**
 * Of a live move `asked` (by whoever asked), `prepare` (new fragments get ready, state is copied ahead), `commit` (the new epoch is the one that
 * counts), `cut` (the former fragments hand over), `switch` (rows flow through the new ones), `done` with the receipt. Of a restart `cut` (the region stops with a
 * checkpoint), `switch` (it starts from it), `done`. `failed`: why it stays, or starts again.
 */
export type MovePhase = (typeof MOVE_PHASES)[number];
const MOVE_PHASES = ['asked', 'prepare', 'cut', 'commit', 'switch', 'done', 'failed'] as const;

export interface MoveEvent extends AppName {
  /** `''` of `asked`, which concerns the app. */
  readonly region: string;
  /** Of the app document. */
  readonly revision: number;
  readonly phase: MovePhase;
  /** Milliseconds since the epoch, by the clock of who tells it. */
  readonly at: number;
  /** Of `done`. */
  readonly receipt?: MoveReceipt;
  /** Of `failed`. */
  readonly why?: string;
}

const moveEvent: Read<MoveEvent> = shape<MoveEvent>({
  namespace: text,
  app: text,
  region: text,
  revision: whole,
  phase: oneOf(...MOVE_PHASES),
  at: figure,
  receipt: optional(moveReceipt),
  why: optional(text),
});

export function publishMove(nats: Pick<Nats, 'publish'>, event: MoveEvent): void {
  nats.publish(eventsSubject(event), encodeDocument(event));
}

/** Hears the moves of an app from now on. What cannot be read, of another version, is left out. */
export function hearMoves(nats: Pick<Nats, 'subscribe'>, app: AppName, hear: (event: MoveEvent) => void): Subscription {
  return nats.subscribe(eventsSubject(app), ({ data }) => {
    const event = readable(data);
    if (event !== undefined) hear(event);
  });
}

function readable(data: Uint8Array): MoveEvent | undefined {
  try {
    return moveEvent(parseBytes(data, 'event'), 'event');
  } catch {
    return undefined;
  }
}
