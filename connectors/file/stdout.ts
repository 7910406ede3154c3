/** Standard output as a target. Text goes through the context, so that a caller can take it elsewhere; bytes go to the process's. */
import type { SinkContext } from '../../engine/graph/connector.ts';
import { writeError } from './errors.ts';
import type { Target } from './target.ts';

export function openStdout(context: SinkContext, isText: boolean): Target {
  const decoder = new TextDecoder();
  return {
    async append(bytes) {
      if (isText) await context.stdout(decoder.decode(bytes, { stream: true }));
      else await writeBytes(bytes);
    },
    async cut() {},
    async commit() {
      return 'stdout';
    },
    async discard() {},
  };
}

function writeBytes(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => {
      if (error) reject(writeError(error, 'standard output'));
      else resolve();
    });
  });
}
