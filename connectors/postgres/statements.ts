/** SQL texts and names. */
import type { DataType, Field, Schema } from '../../engine/batch/types.ts';
import { formatType, UNITS_PER_SECOND } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';

export const POSITIONS = 'cloudskin_positions';

export const CREATE_POSITIONS: string = `CREATE TABLE IF NOT EXISTS ${POSITIONS} (
  sink text PRIMARY KEY, generation text NOT NULL, rows bigint NOT NULL, changed timestamptz NOT NULL DEFAULT now())`;

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `schema.name` as two names. */
export function quoteTable(table: string): string {
  return table.split('.').map(quoteName).join('.');
}

/** Standard strings: the server is asked for nothing else. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function columnList(schema: Schema): string {
  return schema.fields.map(({ name }) => quoteName(name)).join(', ');
}

export function createTable(table: string, schema: Schema, key: readonly string[]): string {
  const columns = schema.fields.map(({ name, type, nullable }) => {
    return `${quoteName(name)} ${sqlType(name, type)}${nullable ? '' : ' NOT NULL'}`;
  });
  if (key.length > 0) columns.push(`PRIMARY KEY (${key.map(quoteName).join(', ')})`);
  return `CREATE TABLE ${quoteTable(table)} (${columns.join(', ')})`;
}

/** From the temporary table `cs_incoming`, of rows with the same key the last one. */
export function upsert(table: string, schema: Schema, key: readonly string[]): string {
  const keys = key.map(quoteName).join(', ');
  const others = schema.fields.filter(({ name }) => !key.includes(name)).map(({ name }) => quoteName(name));
  const action =
    others.length === 0 ? 'NOTHING' : `UPDATE SET ${others.map((name) => `${name} = EXCLUDED.${name}`).join(', ')}`;
  return `INSERT INTO ${quoteTable(table)} (${columnList(schema)})
    SELECT ${columnList(schema)} FROM (SELECT DISTINCT ON (${keys}) * FROM cs_incoming ORDER BY ${keys}, cs_order DESC) AS latest
    ON CONFLICT (${keys}) DO ${action}`;
}

/** How a column is read as csv that `connectors/formats/csv` takes. */
export function readExpression({ name, type }: Field): string {
  const column = quoteName(name);
  if (type.kind === 'binary') return `translate(encode(${column}, 'base64'), E'\\n', '') AS ${column}`;
  if (type.kind === 'duration') {
    return `(extract(epoch FROM ${column}) * ${UNITS_PER_SECOND[type.unit]})::bigint AS ${column}`;
  }
  return `${column}::text AS ${column}`;
}

function sqlType(column: string, type: DataType): string {
  switch (type.kind) {
    case 'bool':
      return 'boolean';
    case 'int8':
    case 'uint8':
    case 'int16':
      return 'smallint';
    case 'uint16':
    case 'int32':
      return 'integer';
    case 'uint32':
    case 'int64':
      return 'bigint';
    case 'uint64':
      return 'numeric(20)';
    case 'float16':
    case 'float32':
      return 'real';
    case 'float64':
      return 'double precision';
    case 'utf8':
      return 'text';
    case 'binary':
      return 'bytea';
    case 'date32':
      return 'date';
    case 'timestamp':
      return type.timezone === undefined ? 'timestamp' : 'timestamptz';
    case 'duration':
      return 'interval';
    default:
      throw userError('postgres.type', `column ${column} of type ${formatType(type)} has no type in PostgreSQL`, {
        hint: 'leave it out with `select`',
      });
  }
}

/** By the numbers that PostgreSQL gives its types (pg_type.dat); what is not here is read as text. */
const TYPES: ReadonlyMap<number, DataType> = new Map<number, DataType>([
  [16, { kind: 'bool' }],
  [17, { kind: 'binary' }],
  [20, { kind: 'int64' }],
  [21, { kind: 'int16' }],
  [23, { kind: 'int32' }],
  [26, { kind: 'int64' }],
  [700, { kind: 'float32' }],
  [701, { kind: 'float64' }],
  [1700, { kind: 'float64' }],
  [1082, { kind: 'date32' }],
  [1114, { kind: 'timestamp', unit: 'us' }],
  [1184, { kind: 'timestamp', unit: 'us', timezone: 'UTC' }],
  [1186, { kind: 'duration', unit: 'us' }],
]);

export function typeOf(oid: number): DataType {
  return TYPES.get(oid) ?? { kind: 'utf8' };
}
