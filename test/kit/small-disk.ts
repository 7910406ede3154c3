/** Disks that can be filled: a file system in memory of the size that a test wants. Mounting one needs root. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

export const MOUNT_REASON = 'needs the right to mount a file system';

/** Whether `smallDisk` works here. */
export const canMountDisks: boolean = tryMount();

export async function smallDisk(bytes: number): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = mount(bytes);
  return {
    path,
    remove: async () => {
      await promisify(execFile)('umount', ['-l', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

function mount(bytes: number): string {
  const path = mkdtempSync(join(tmpdir(), 'cloudskin-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  return path;
}

function tryMount(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const path = mount(65_536);
    execFileSync('umount', [path], { stdio: 'ignore' });
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
