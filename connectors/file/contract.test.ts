/** The file connector under the contract of connectors, once for each format and compression. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Value } from '../../engine/batch/types.ts';
import { sinkContract, sourceContract } from '../../test/contract/connector.ts';
import { bench, readAll, sinkContext, sourceContext, writeAll } from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { build } from '../../test/kit/tables.ts';
import { file } from './file.ts';

const schema = schemaOf({ machine: 'utf8', at: 'timestamp[us]', t: 'float64', n: 'int64', ok: 'bool' });
const rows: Value[][] = Array.from({ length: 25 }, (_, i) => [
  i % 7 === 0 ? null : `machine "${i}", é`,
  1_706_695_200_000_000n + BigInt(i),
  i % 5 === 0 ? null : i / 3,
  2n ** 53n + BigInt(i),
  i % 2 === 0,
]);

const paths = [
  'r.csv',
  'r.csv.gz',
  'r.csv.zst',
  'r.ndjson',
  'r.ndjson.gz',
  'r.json',
  'r.arrow',
  'r.arrows',
  'r.parquet',
];

/** Text formats with rows that cannot be read, and where those are. */
const broken: ReadonlyMap<string, readonly [string, readonly string[]]> = new Map([
  ['r.csv', ['machine,at,t,n,ok\na,,1,1,true\nb,,x,1,true\nc,,1\nd,,1,1,true\n', ['r.csv:3', 'r.csv:4']]],
  ['r.ndjson', ['{"machine":"a"}\n{"machine":\n{"t":"x"}\n{"machine":"d"}\n', ['r.ndjson:2', 'r.ndjson:3']]],
  ['r.json', ['[{"machine":"a"},\n{"t":{}},\n{"machine":"d"}]\n', ['r.json:2']]],
]);

for (const path of paths) {
  const bad = broken.get(path);
  sourceContract({
    title: path,
    connector: file,
    schema,
    rows,
    async prepare(directory) {
      await writeAll(file, { path }, schema, [build(schema, rows)], sinkContext(bench(directory)));
      return { path };
    },
    ...(bad === undefined
      ? {}
      : {
          bad: {
            positions: bad[1],
            async prepare(directory: string) {
              await writeFile(join(directory, path), bad[0]);
              return { path };
            },
          },
        }),
    ...(path === 'r.csv' || path === 'r.ndjson'
      ? {
          async waiting(directory: string) {
            await writeAll(file, { path }, schema, [build(schema, rows)], sinkContext(bench(directory)));
            return { path, follow: true };
          },
        }
      : {}),
  });

  sinkContract({
    title: path,
    connector: file,
    schema,
    rows,
    options: { path },
    files: [path],
    read: (directory) => readAll(file, { path }, schema, sourceContext(bench(directory))),
  });
}

sinkContract({
  title: 'r.csv in rolls',
  connector: file,
  schema,
  rows,
  options: { path: 'd/r.csv', roll: {} },
  files: ['d/r-00001.csv'],
  keeps: ['d/r-00001.csv'],
  async read(directory) {
    await rename(join(directory, 'd/r-00001.csv'), join(directory, 'r.csv'));
    return readAll(file, { path: 'r.csv' }, schema, sourceContext(bench(directory)));
  },
});
