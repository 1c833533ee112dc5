// Medians and their lines: what every bench of the sidecars prints.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** `what   12.3 unit  (limit …)`: one figure a line. */
export function print(what: string, value: string, limit: string | null = null): void {
  console.log(`${what.padEnd(58)} ${value.padStart(16)}${limit === null ? '' : `   ${limit}`}`)
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en')
