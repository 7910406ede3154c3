/** What a graph calls a component: the name of a standard operator, or a path. The one place that tells them apart. */
import { resolve } from 'node:path';

const STANDARD_NAME = /^[a-z][a-z0-9-]*$/;

export function isStandardName(component: string): boolean {
  return STANDARD_NAME.test(component);
}

/** A standard operator's name as it is, else the absolute path; relative ones count from `directory`. */
export function resolveComponent(component: string, directory: string): string {
  return isStandardName(component) ? component : resolve(directory, component);
}
