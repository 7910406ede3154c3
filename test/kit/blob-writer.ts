/** A process to be killed: puts blobs of one byte's value each into the directory that its argument names, and says so, one line a blob. */
import process from 'node:process';
import { openDirectory } from '../../engine/state/blobs/directory.ts';

const store = await openDirectory(process.argv[2] ?? '');
for (let count = 0; ; count++) {
  await store.put(`some/blob-${count % 5}`, [new Uint8Array(300_000).fill(count % 251)]);
  process.stdout.write(`${count}\n`);
}
