/** Where the user is, and what a key does: data in, data out. */
import { defined } from '../../../engine/defined.ts';
import type { Key } from './keys.ts';

export interface AppName {
  readonly namespace: string;
  readonly app: string;
}

export type Place =
  | { readonly kind: 'cluster' }
  | { readonly kind: 'app'; readonly app: AppName }
  | { readonly kind: 'fragment'; readonly app: AppName; readonly fragment: string };

export interface Want {
  readonly app: AppName;
  readonly wanted: 'paused' | 'running';
}

export interface TopState {
  readonly place: Place;
  /** Id of the row that the mark is on, by kind of place. */
  readonly marked: Readonly<Partial<Record<Place['kind'], string>>>;
  /** How often `s` was pressed, by kind of place; the first order is that in which things are. */
  readonly order: Readonly<Record<Place['kind'], number>>;
  readonly help: boolean;
  readonly question?: Want;
  /** Of what was done last. */
  readonly note?: string;
}

export function begin(app: AppName | undefined): TopState {
  const place: Place = app === undefined ? { kind: 'cluster' } : { kind: 'app', app };
  return { place, marked: {}, order: { cluster: 0, app: 0, fragment: 0 }, help: false };
}

/** What the screen shows, as far as keys need it: ids in their order, and the app that `p` is about. */
export interface Shown {
  readonly ids: readonly string[];
  readonly marked: string | undefined;
  readonly app: { readonly name: AppName; readonly paused: boolean } | undefined;
  /** Rows to a page. */
  readonly page: number;
}

export type Effect = { readonly kind: 'quit' | 'suspend' | 'redraw' } | { readonly kind: 'want'; readonly want: Want };

export interface Step {
  readonly state: TopState;
  readonly effect?: Effect;
}

export function step(state: TopState, key: Key, shown: Shown): Step {
  if (key.kind === 'interrupt') return { state, effect: { kind: 'quit' } };
  if (key.kind === 'suspend' || key.kind === 'redraw') return { state, effect: { kind: key.kind } };
  if (state.question !== undefined) return answered(state, state.question, key);
  const { note: _, ...rest } = state;
  if (state.help) return { state: { ...rest, help: false } };
  switch (key.kind) {
    case 'enter':
      return { state: enter(rest, shown) };
    case 'back':
      return { state: back(rest) };
    case 'character':
      return pressed(rest, key.character, shown);
    default:
      return { state: { ...rest, marked: { ...rest.marked, ...moved(rest, key.kind, shown) } } };
  }
}

function pressed(state: TopState, character: string, shown: Shown): Step {
  switch (character) {
    case 'q':
      return { state, effect: { kind: 'quit' } };
    case '?':
      return { state: { ...state, help: true } };
    case 's': {
      const { kind } = state.place;
      return { state: { ...state, order: { ...state.order, [kind]: state.order[kind] + 1 } } };
    }
    case 'p': {
      if (shown.app === undefined) return { state };
      const { name, paused } = shown.app;
      return { state: { ...state, question: { app: name, wanted: paused ? 'running' : 'paused' } } };
    }
    default:
      return { state };
  }
}

/** Only `y` means yes. */
function answered(state: TopState, want: Want, key: Key): Step {
  const { question: _, ...rest } = state;
  const yes = key.kind === 'character' && (key.character === 'y' || key.character === 'Y');
  return yes ? { state: rest, effect: { kind: 'want', want } } : { state: rest };
}

function enter(state: TopState, { marked }: Shown): TopState {
  if (marked === undefined) return state;
  const { place } = state;
  if (place.kind === 'cluster') {
    const [namespace = '', app = ''] = marked.split('/');
    return { ...state, place: { kind: 'app', app: { namespace, app } }, marked: { cluster: marked } };
  }
  if (place.kind === 'fragment') return state;
  return {
    ...state,
    place: { kind: 'fragment', app: place.app, fragment: marked },
    marked: { ...state.marked, app: marked },
  };
}

function back(state: TopState): TopState {
  const { place } = state;
  if (place.kind === 'cluster') return state;
  return { ...state, place: place.kind === 'app' ? { kind: 'cluster' } : { kind: 'app', app: place.app } };
}

type Move = 'up' | 'down' | 'page-up' | 'page-down' | 'home' | 'end';

function moved({ place }: TopState, move: Move, { ids, marked, page }: Shown): TopState['marked'] {
  const at = Math.max(0, marked === undefined ? 0 : ids.indexOf(marked));
  const by = { up: -1, down: 1, 'page-up': -page, 'page-down': page, home: -ids.length, end: ids.length }[move];
  const id = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
  return defined({ [place.kind]: id });
}
