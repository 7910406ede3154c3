/** Moves and rescaling: what an app document asks for that its assignment does not have yet. Pure. */
import type { Change } from '../../compile/distribute.ts';
import type { AppDocument, Overrides } from '../documents/app.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';

type Overridden = Pick<AppDocument | AssignmentDocument, 'overrides'>;

/** By entry of the graph. */
export function pendingOf({ overrides = {} }: Overridden, { overrides: done = {} }: Overridden): Change['asked'] {
  return new Map(Object.entries(overrides).filter(([name, { asked }]) => asked > (done[name]?.asked ?? 0)));
}

/** How an app is placed anew: with what is pending where that is `asked`; and where it is to be `held`, or something was moved, so that all else stays. */
export function changeOf(
  app: Overridden,
  before: Overridden,
  { asked, held = false }: { readonly asked: boolean; readonly held?: boolean },
): Change {
  const hasMoved = Object.keys(app.overrides ?? {}).length > 0;
  return { asked: asked ? pendingOf(app, before) : new Map(), held: held || hasMoved };
}

/** Those that an assignment has once it is made. */
export function carriedOut(app: Overridden, before: Overridden, isAsked: boolean): Overrides | undefined {
  if (app.overrides === undefined || isAsked) return app.overrides;
  return before.overrides;
}
