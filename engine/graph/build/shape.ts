/** Which keys of an operator go together, whatever its input is. */
import type { OperatorEntry } from '../document.ts';
import { notInVersion } from '../issues.ts';
import type { Entry } from '../parse.ts';
import { OPERATOR_KEYS } from '../schema.ts';
import type { Build } from './context.ts';

/** Keys that mean something only beside another: what they belong to, and the sentence that says so. */
const COMPANIONS = [
  {
    key: 'window',
    needs: 'aggregate',
    or: 'join',
    message: 'a window belongs to an aggregate or a join, and there is none',
  },
  {
    key: 'groupBy',
    needs: 'aggregate',
    or: 'component',
    message: 'groupBy belongs to an aggregate, and there is none',
  },
  {
    key: 'late',
    needs: 'aggregate',
    or: 'join',
    message: 'late belongs to a windowed aggregate or a join, and there is none',
  },
  { key: 'config', needs: 'component', or: undefined, message: 'config belongs to a component, and there is none' },
] as const;

const KINDS = ['aggregate', 'join', 'component'] as const;

/** True where the keys fit together. Keys that were wrong in themselves count as there: they have been reported. */
export function checkShape({ value, path, dropped }: Entry<OperatorEntry>, build: Build): boolean {
  if (value === undefined) return false;
  const has = (key: keyof OperatorEntry): boolean => value[key] !== undefined || dropped.has(key);
  // A kind that is unknown or not in this version is a kind all the same.
  const kindUnknown = [...dropped].some((key) => !OPERATOR_KEYS.includes(key));
  let fits = true;
  const wrong = (key: string, code: string, message: string, hint?: string): void => {
    build.atKey([...path, key], code, message, hint);
    fits = false;
  };
  for (const { key, needs, or, message } of COMPANIONS) {
    const isThere = has(needs) || (or !== undefined && has(or));
    if (has(key) && !isThere && !kindUnknown) wrong(key, 'graph.without-kind', message);
  }
  const [, second] = KINDS.filter(has);
  if (second !== undefined) {
    const message = 'an operator has one kind: an aggregate, a join or a component';
    wrong(second, 'graph.two-kinds', message, 'make two operators');
  }
  if (has('aggregate') && !has('window')) {
    build.add(notInVersion('an aggregate without a window', build.places.key([...path, 'aggregate'])));
    fits = false;
  }
  if (has('join') && !has('window')) {
    build.add(notInVersion('a join without a window', build.places.key([...path, 'join'])));
    fits = false;
  }
  if (has('having') && !KINDS.some(has) && !kindUnknown) {
    wrong('having', 'graph.without-kind', 'having looks at the result of a kind, and there is none', 'write filter');
  }
  if (has('with') && has('select')) {
    const hint = 'select names all columns of the result, so put the added ones there';
    wrong('with', 'graph.with-and-select', 'with and select exclude each other', hint);
  }
  return fits;
}
