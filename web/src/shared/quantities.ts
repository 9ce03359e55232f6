/** Quantities have at most six decimal places: a difference of doubles has rounding errors beyond. */
export function round(quantity: number): number {
  return Math.round(quantity * 1e6) / 1e6;
}
