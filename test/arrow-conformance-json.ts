/**
 * Arrow's integration JSON (docs/source/format/Integration.rst of Apache Arrow) as plain values to compare with: integers as text,
 * bytes as upper-case hex, lists as arrays, structs and maps as arrays of members, unions as `[type id, value]`.
 */
export type Plain = null | boolean | number | string | readonly Plain[];

export interface JsonType {
  readonly name: string;
  readonly precision?: string | number;
  readonly unit?: string;
  readonly listSize?: number;
  readonly typeIds?: readonly number[];
  readonly mode?: string;
}

export interface JsonField {
  readonly name: string;
  readonly type: JsonType;
  readonly nullable: boolean;
  readonly children: readonly JsonField[];
  readonly dictionary?: { readonly id: number };
}

interface JsonView {
  readonly SIZE: number;
  readonly INLINED?: string;
  readonly BUFFER_INDEX?: number;
  readonly OFFSET?: number;
}

interface JsonColumn {
  readonly count: number;
  readonly VALIDITY?: readonly number[];
  readonly DATA?: readonly (number | string | boolean | Readonly<Record<string, number | string>>)[];
  readonly OFFSET?: readonly (number | string)[];
  readonly TYPE_ID?: readonly number[];
  readonly VIEWS?: readonly JsonView[];
  readonly VARIADIC_DATA_BUFFERS?: readonly string[];
  readonly children?: readonly JsonColumn[];
}

interface JsonBatch {
  readonly count: number;
  readonly columns: readonly JsonColumn[];
}

export interface IntegrationJson {
  readonly schema: { readonly fields: readonly JsonField[] };
  readonly batches: readonly JsonBatch[];
  readonly dictionaries?: readonly { readonly id: number; readonly data: JsonBatch }[];
}

/** Parses it without losing digits: integers beyond 2^53 stay text. */
export function parseIntegrationJson(text: string): IntegrationJson {
  const keep = (_: string, parsed: unknown, context?: { readonly source?: string }): unknown =>
    typeof parsed === 'number' && Math.abs(parsed) > Number.MAX_SAFE_INTEGER ? context?.source : parsed;
  return JSON.parse(text, keep) as IntegrationJson;
}

/** Every batch's rows in one list. */
export function rowsOfJson(json: IntegrationJson): Plain[][] {
  return json.batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, row) =>
      json.schema.fields.map((field, index) => value(json, field, batch.columns[index], row)),
    ),
  );
}

function value(json: IntegrationJson, field: JsonField, column: JsonColumn | undefined, row: number): Plain {
  if (column === undefined) throw new Error(`${field.name} has no column`);
  const { type } = field;
  if (type.name === 'null') return null;
  if (type.name === 'union') return member(json, field, column, row);
  if (column.VALIDITY?.[row] === 0) return null;
  if (field.dictionary !== undefined) return looked(json, field, Number(column.DATA?.[row]));
  const child = (index: number, at: number): Plain => {
    const of = field.children[index];
    if (of === undefined) throw new Error(`${field.name} has no child ${index}`);
    return value(json, of, column.children?.[index], at);
  };
  const items = (from: number, to: number): Plain[] => Array.from({ length: to - from }, (_, i) => child(0, from + i));
  switch (type.name) {
    case 'struct':
      return field.children.map((_, index) => child(index, row));
    case 'list':
    case 'largelist':
    case 'map':
      return items(Number(column.OFFSET?.[row]), Number(column.OFFSET?.[row + 1]));
    case 'fixedsizelist':
      return items(row * (type.listSize ?? 0), (row + 1) * (type.listSize ?? 0));
    case 'utf8view':
    case 'binaryview':
      return viewed(type, column, row);
    default:
      return scalar(type, column.DATA?.[row]);
  }
}

function looked(json: IntegrationJson, field: JsonField, index: number): Plain {
  const dictionary = json.dictionaries?.find(({ id }) => id === field.dictionary?.id);
  const { dictionary: _, ...plain } = field;
  return value(json, plain, dictionary?.data.columns[0], index);
}

function member(json: IntegrationJson, field: JsonField, column: JsonColumn, row: number): Plain {
  const id = column.TYPE_ID?.[row] ?? -1;
  const index = field.type.typeIds?.indexOf(id) ?? -1;
  const of = field.children[index];
  if (of === undefined) throw new Error(`${field.name} has no member ${id}`);
  const at = field.type.mode === 'DENSE' ? Number(column.OFFSET?.[row]) : row;
  return [id, value(json, of, column.children?.[index], at)];
}

function viewed(type: JsonType, column: JsonColumn, row: number): Plain {
  const view = column.VIEWS?.[row];
  if (view === undefined) throw new Error('a view is missing');
  if (view.INLINED !== undefined) return view.INLINED;
  const from = (view.OFFSET ?? 0) * 2;
  const hex = column.VARIADIC_DATA_BUFFERS?.[view.BUFFER_INDEX ?? 0]?.slice(from, from + view.SIZE * 2) ?? '';
  return type.name === 'utf8view' ? Buffer.from(hex, 'hex').toString() : hex;
}

function scalar(type: JsonType, data: NonNullable<JsonColumn['DATA']>[number] | undefined): Plain {
  if (data === undefined) throw new Error(`a ${type.name} is missing`);
  if (typeof data === 'object') return Object.values(data).map(String);
  switch (type.name) {
    case 'bool':
      return Boolean(data);
    case 'floatingpoint':
      return type.precision === 'SINGLE' ? Math.fround(Number(data)) : Number(data);
    case 'utf8':
    case 'largeutf8':
    case 'binary':
    case 'largebinary':
    case 'fixedsizebinary':
      return String(data);
    default:
      return BigInt(String(data)).toString();
  }
}
