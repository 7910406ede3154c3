/** Moves and rescaling: what an app document asks for that its assignment does not have yet. Pure. */
import type { Change } from '../../compile/distribute.ts';
import type { AppDocument, Overrides } from '../documents/app.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';

type Overridden = Pick<AppDocument | AssignmentDocument, 'overrides'>;

/** By entry of the graph. */
export function pendingOf({ overrides = {} }: Overridden, { overrides: done = {} }: Overridden): Change['asked'] {
  return new Map(Object.entries(overrides).filter(([name, { asked }]) => asked > (done[name]?.asked ?? 0)));
}

/** How an app is placed anew: with what is pending where `isAsked`, and otherwise so that what was moved stays where it went. */
export function changeOf(app: Overridden, before: Overridden, isAsked: boolean): Change {
  const hasMoved = Object.keys(app.overrides ?? {}).length > 0;
  return { asked: isAsked ? pendingOf(app, before) : new Map(), held: hasMoved };
}

/** Those that an assignment has once it is made. */
export function carriedOut(app: Overridden, before: Overridden, isAsked: boolean): Overrides | undefined {
  if (app.overrides === undefined || isAsked) return app.overrides;
  return before.overrides;
}
