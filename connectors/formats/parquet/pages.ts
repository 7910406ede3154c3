/**
 * Looks through a column chunk's page headers before anything is decoded: what they promise must fit, since the decoder takes memory and
 * time for it. Checksums are compared where a page has one.
 */
import { brotliDecompressSync, crc32, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Compressors } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { userError } from '../../../engine/errors.ts';
import { decodeLz4Block } from '../arrow/lz4.ts';

/** No page is larger than this uncompressed; writers aim for 1 MiB. */
const MAX_PAGE = 268_435_456;

export function malformed(why: string): Error {
  return userError('parquet.malformed', why);
}

/** Throws `parquet.malformed` where a flat column's pages do not hold `rows` values within `chunk`. */
export function checkPages(chunk: Uint8Array, rows: number): void {
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: 0 };
  let values = 0;
  while (values < rows) {
    const header = parquetHeader(reader);
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    if (!(packed >= 0 && reader.offset + packed <= chunk.length)) throw malformed(`a page of ${packed} bytes`);
    if (!(size >= 0 && size <= MAX_PAGE)) throw malformed(`a page of ${size} bytes uncompressed`);
    const page = chunk.subarray(reader.offset, reader.offset + packed);
    if (header.crc !== undefined && crc32(page) >>> 0 !== header.crc >>> 0)
      throw malformed('a page with another checksum');
    reader.offset += packed;
    if (header.type === 'DICTIONARY_PAGE') checkDictionary(header.dictionary_page_header?.num_values ?? -1, size);
    else values += valuesOf(header, rows - values, packed);
  }
}

function checkDictionary(values: number, size: number): void {
  if (!(values >= 0 && values <= size)) throw malformed(`a dictionary of ${values} values in ${size} bytes`);
}

function valuesOf(header: ReturnType<typeof parquetHeader>, left: number, packed: number): number {
  const v2 = header.data_page_header_v2;
  const values = header.data_page_header?.num_values ?? v2?.num_values ?? -1;
  if (!(values >= 0 && values <= left)) throw malformed(`a page of ${values} values where ${left} are left`);
  if (values === 0 && packed === 0) throw malformed('an empty page');
  if (v2 === undefined) return values;
  const levels = v2.definition_levels_byte_length + v2.repetition_levels_byte_length;
  if (!(v2.num_nulls >= 0 && v2.num_nulls <= values && v2.num_rows === values && levels >= 0 && levels <= packed)) {
    throw malformed(`a page of ${values} values, ${v2.num_nulls} null, in ${v2.num_rows} rows`);
  }
  return values;
}

/** hyparquet-compressors' for what Node lacks, Node's own for the rest. */
export async function decompressors(): Promise<Compressors> {
  const { compressors } = await import('hyparquet-compressors');
  const exact = (unpack: (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array) => {
    return (input: Uint8Array, length: number): Uint8Array =>
      length === 0 ? new Uint8Array(0) : new Uint8Array(unpack(input, { maxOutputLength: length }));
  };
  return {
    ...compressors,
    GZIP: exact(gunzipSync),
    ZSTD: exact(zstdDecompressSync),
    BROTLI: exact(brotliDecompressSync),
    LZ4_RAW: decodeLz4Block,
  };
}
