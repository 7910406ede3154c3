import { describe, expect, it } from 'vitest';
import { carriedOut, changeOf, pendingOf } from './changes.ts';

const done = { overrides: { sums: { site: 'hub', asked: 3 } } };

describe('moves of an app document', () => {
  it('are pending until an assignment has them, also where the same is asked for again', () => {
    expect(pendingOf(done, {})).toEqual(new Map([['sums', { site: 'hub', asked: 3 }]]));
    expect(pendingOf(done, done).size).toBe(0);
    expect([...pendingOf({ overrides: { sums: { site: 'hub', asked: 5 } } }, done).keys()]).toEqual(['sums']);
    expect(pendingOf({}, done).size).toBe(0);
  });

  it('are done when they are asked for, and hold what they moved whenever else the app is placed', () => {
    expect(changeOf(done, {}, { asked: true })).toMatchObject({
      held: true,
      asked: new Map([['sums', expect.anything()]]),
    });
    expect(changeOf(done, {}, { asked: false })).toEqual({ held: true, asked: new Map() });
    expect(changeOf({}, done, { asked: false }).held).toBe(false);
    expect(changeOf({}, done, { asked: false, held: true }).held).toBe(true);
  });

  it('are in an assignment once it carried them out, and gone with a new deployment', () => {
    expect(carriedOut(done, {}, true)).toBe(done.overrides);
    expect(carriedOut(done, {}, false)).toBeUndefined();
    expect(carriedOut({}, done, false)).toBeUndefined();
  });
});
