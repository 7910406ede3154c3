/** Of a union that matched nothing, the issues of the branch that was meant. */
import type { z } from 'zod';

export type Issue = z.core.$ZodIssue;

/**
 * The issue itself, or, for a union, the issues of the one branch whose outer shape fits what was written (a map where the
 * branch wants a map). Where no branch fits, the union's own issue.
 */
export function flatten(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const fitting = issue.errors.filter((branch) => !branch.some(missesShape));
  const [best] = fitting.sort((a, b) => a.length - b.length);
  if (best === undefined) return [issue];
  return best.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] } as Issue));
}

function missesShape(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  return (
    issue.code === 'invalid_type' || (issue.code === 'invalid_union' && issue.errors.every((b) => b.some(missesShape)))
  );
}
