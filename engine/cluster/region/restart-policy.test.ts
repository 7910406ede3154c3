import { describe, expect, it } from 'vitest';
import { RestartPolicy } from './restart-policy.ts';

const trouble = (domain: 'user' | 'external' | 'internal') => ({ code: 'test', message: 'test', domain });

describe('RestartPolicy', () => {
  it('starts at once first, then later and later, but never later than so much', () => {
    const policy = new RestartPolicy();
    const delays = Array.from({ length: 15 }, () => policy.after(trouble('external'), 0.5) ?? -1);
    expect(delays.slice(0, 4)).toEqual([0, 200, 400, 800]);
    expect(Math.max(...delays)).toBe(30_000);
    expect(policy.restarts).toBe(15);
  });

  it('never starts what a user got wrong', () => {
    expect(new RestartPolicy().after(trouble('user'), 0)).toBeUndefined();
  });

  it('gives a defect up after a while, unless there was progress', () => {
    const policy = new RestartPolicy();
    for (let failure = 0; failure < 9; failure++) expect(policy.after(trouble('internal'), 0.5)).toBeDefined();
    policy.progressed();
    expect(policy.after(trouble('internal'), 0.5)).toBe(0);
    for (let failure = 0; failure < 8; failure++) policy.after(trouble('internal'), 0.5);
    expect(policy.after(trouble('internal'), 0.5)).toBeUndefined();
  });
});
