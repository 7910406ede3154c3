/** Rows of text in columns, for terminals. */

/**
 * The first row is the heading. Columns named in `right` are set to the right, as figures are. Where a line would be longer than `width`, each
 * row is told on lines of its own instead: nothing is left out.
 */
export function columns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  width: number = Number.POSITIVE_INFINITY,
): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
  const isTooWide = lines.some((line) => line.length > width);
  return `${(isTooWide ? records(rows, width) : lines).join('\n')}\n`;
}

/** The first cell of each row, and below it what else the row has, by its heading. */
function records([heading = [], ...rows]: readonly (readonly string[])[], width: number): readonly string[] {
  return rows.flatMap(([first = '', ...cells]) => {
    const lines = [first];
    let line = '';
    for (const [index, cell] of cells.entries()) {
      if (cell === '') continue;
      const title = heading[index + 1] ?? '';
      const pair = `  ${title === '' ? '' : `${title.toLowerCase()} `}${cell}`;
      if (line !== '' && line.length + pair.length > width) {
        lines.push(line);
        line = '';
      }
      line += pair;
    }
    return line === '' ? lines : [...lines, line];
  });
}
