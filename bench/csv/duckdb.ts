/** DuckDB, one thread: `node duckdb.ts INPUT OUTPUT`. */
import { DuckDBInstance } from '@duckdb/node-api';

const [input, output] = process.argv.slice(2);
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
await connection.run(`
  COPY (
    SELECT time_bucket(INTERVAL 10 minute, "at") AS window_start, machine,
           count(*) AS readings, avg(temperature) AS mean, max(temperature) AS peak
    FROM read_csv('${input}', header = true, auto_detect = false, delim = ',',
      columns = {'machine': 'VARCHAR', 'at': 'TIMESTAMP', 'temperature': 'DOUBLE', 'count': 'BIGINT'})
    WHERE temperature > 20
    GROUP BY 1, 2
  ) TO '${output}' (HEADER)`);
connection.closeSync();
