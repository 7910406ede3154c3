/**
 * The snapshot of a cell as one file. Format 1:
 *
 *     | "CSNP" | format, u32 | bytes of the head, u32 | head, JSON | sections, one after the other | SHA-256 of all before, 32 bytes |
 *
 *     section state   one a fragment of the region: its snapshot as in checkpoints (checkpoint/snapshot-bytes.ts): input and output
 *                     positions, counts, and of cells this one alone, its image or logical form. The table of an image has a byte a page of 4 KiB:
 *                       0 zeros, kept nowhere    1 here    2 as in the snapshot that this one is a difference of
 *     section pages   the pages that are here, of all images one behind the other, up to 1,024 a section
 *
 * A section is packed by zstd where a sample of it says that it gains, else it is as it is; the head has how. Sealed with a key, the file is one sealed blob
 * of blobs/encrypted.ts under the name `snapshot`, whatever the file is called. All numbers are little-endian.
 */
import type { Codec } from '../blobs/bytes.ts';
import type { FragmentSnapshot } from '../checkpoint/state.ts';

export const FORMAT = 1;
export const MAGIC: Buffer = Buffer.from('CSNP', 'latin1');
/** Bytes before the head, and of the checksum. */
export const LEAD = 12;
export const TRAILER = 32;
/** Under which a sealed file was sealed. */
export const SEALED_NAME = 'snapshot';

/** What a page's byte in the table says. */
export const ZEROS = 0;
export const HERE = 1;
export const IN_BASE = 2;

export interface Section {
  readonly kind: 'state' | 'pages';
  readonly codec: Codec;
  /** As it lies here, and unpacked. */
  readonly bytes: number;
  readonly plain: number;
}

/** Of which cell, and when: a checkpoint. */
export interface SnapshotOrigin {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
  readonly cell: string;
  readonly epoch: number;
  /** Of the plan. */
  readonly revision: number;
  readonly checkpoint: number;
  /** Milliseconds since the epoch: when the checkpoint was begun. */
  readonly taken: number;
  /** Other cells of the region that had state then: without it this one does not go back alone. */
  readonly beside: readonly string[];
}

/** Counts of the pages of an image. */
export interface ImageSize {
  readonly module: string;
  /** Bytes of the memory. */
  readonly length: number;
  readonly zeros: number;
  readonly here: number;
  readonly inBase: number;
}

export interface SnapshotHead extends SnapshotOrigin {
  /** By fragment. */
  readonly images: Readonly<Record<string, ImageSize>>;
  /** The checksum of the snapshot that this one is a difference of, in hex. */
  readonly base?: string;
  readonly sections: readonly Section[];
}

/** What a snapshot holds: of each fragment of the region its snapshot, in which `cells` has this one alone. */
export interface CellSnapshotFile extends SnapshotOrigin {
  readonly fragments: readonly FragmentSnapshot[];
}

export interface OpenedSnapshot extends CellSnapshotFile {
  readonly head: SnapshotHead;
  /** Of the file before sealing, in hex. */
  readonly digest: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly sealed: boolean;
}
