/** What cleans up behind a run of the tests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setup } from './leftovers.ts';

const hasProc = existsSync('/proc/self/environ');

describe('the end of a run of the tests', () => {
  const outer = process.env.TMPDIR;
  let teardown: () => void;
  beforeEach(() => {
    teardown = setup();
  });
  afterEach(() => {
    process.env.TMPDIR = outer;
  });

  it('says nothing where nothing is left', () => {
    const directory = tmpdir();
    expect(directory).not.toBe(outer);
    teardown();
    expect(existsSync(directory)).toBe(false);
  });

  it('names a directory that is left, and removes it', () => {
    const left = mkdtempSync(join(tmpdir(), 'left-'));
    expect(teardown).toThrow('left-');
    expect(existsSync(left)).toBe(false);
  });

  it.skipIf(!hasProc)(hasProc ? 'names a process that is left, and ends it' : 'there is no /proc', async () => {
    const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)']);
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    expect(teardown).toThrow('setInterval');
    expect(await ended).toEqual([null, 'SIGKILL']);
  });
});
