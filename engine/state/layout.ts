/** Where the blobs of a region's checkpoints are. Numbers have ten digits, so that names sort as numbers do. */
import { namePart } from './names.ts';

export interface RegionName {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
}

export function regionPath({ namespace, app, region }: RegionName): string {
  return [namespace, app, region].map(namePart).join('/');
}

export function manifestName(id: number): string {
  return `manifest/${digits(id)}`;
}

export function stateName(id: number, fragment: string): string {
  return `state/${digits(id)}-${namePart(fragment)}`;
}

export function pagesName(id: number, fragment: string, cell: string): string {
  return `pages/${digits(id)}-${namePart(fragment)}-${namePart(cell)}`;
}

/** The checkpoint that a blob was written for: `…/state/0000000012-a` is 12's; undefined for other names. */
export function checkpointOf(name: string): number | undefined {
  const found = /\/(?:manifest|state|pages)\/(\d{10,})(?:-|$)/.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

function digits(id: number): string {
  return String(id).padStart(10, '0');
}
