/** A process to be killed: appends to the log in the directory that its argument names and says up to where it is safe, one line each time. */
import process from 'node:process';
import { openLog } from '../../engine/state/log/disk.ts';

const log = await openLog({ directory: process.argv[2] ?? '', maxBytes: 50_000_000, segmentBytes: 20_000 });
process.stdout.write(`from ${log.next}\n`);
for (let round = 0; ; round++) {
  for (let count = 0; count < round % 50; count++) {
    log.append(new Uint8Array((log.next * 37) % 300).fill(log.next % 251));
  }
  const upTo = log.next - 1;
  await log.sync();
  process.stdout.write(`safe ${upTo}\n`);
  if (round % 20 === 0) await log.trim(Math.max(1, log.next - 2000));
}
