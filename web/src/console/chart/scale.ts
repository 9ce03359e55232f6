/** Scales of a chart: from values to pixels, and round numbers for its axes. */

export interface Scale {
  (value: number): number;
  ticks: number[];
}

/** A linear scale from `domain` to `range`, with about `count` round ticks. */
export function linear(
  [low, high]: readonly [number, number],
  [start, end]: readonly [number, number],
  count: number,
): Scale {
  const step = roundStep((high - low) / count);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  const [from, to] = [first * step, last * step];
  const scale = (value: number) => start + ((value - from) / (to - from)) * (end - start);
  const ticks = Array.from({ length: last - first + 1 }, (_, n) => tidy((first + n) * step));
  return Object.assign(scale, { ticks });
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(rough: number): number {
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough * 0.999) ?? 10;
  return factor * power;
}

function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

/** Instants for a time axis: about `count` local midnights, or hours of a short period. */
export function timeTicks(from: number, to: number, count: number): number[] {
  const day = 86_400_000;
  const days = (to - from) / day;
  if (days < 2) return evenTicks(from, to, Math.max(1, Math.min(count, 4)));
  const step = Math.max(1, Math.ceil(days / count));
  const ticks: number[] = [];
  const at = new Date(from);
  at.setHours(24, 0, 0, 0);
  while (at.getTime() <= to) {
    ticks.push(at.getTime());
    at.setDate(at.getDate() + step);
  }
  return ticks;
}

function evenTicks(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => from + ((n + 0.5) / count) * (to - from));
}
