/** Figures as people read them. */

/** 1234567 -> `1,234,567`. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 row`, `2 rows`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Seconds as `0.25 s`, `12 s`, `3.4 min`, `5.2 h`, `12 d`. */
export function duration(seconds: number): string {
  const units: readonly (readonly [limit: number, divisor: number, unit: string])[] = [
    [120, 1, 's'],
    [7_200, 60, 'min'],
    [172_800, 3_600, 'h'],
    [Number.POSITIVE_INFINITY, 86_400, 'd'],
  ];
  const [, divisor, unit] = units.find(([limit]) => Math.abs(seconds) < limit) ?? [0, 1, 's'];
  const value = seconds / divisor;
  return `${Math.abs(value) < 10 ? value.toFixed(2).replace(/\.?0+$/, '') : value.toFixed(0)} ${unit}`;
}

/** `3.1 MB`, as disks are sold: `812 B`, `1.2 GB`. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** step;
  return `${value < 10 && step > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[step]}`;
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
