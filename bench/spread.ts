/** Which values of a result are compared with those of the other engines. */

/**
 * At most so many values, evenly from all. The step has no divisor in common with their number, so that they come from
 * every column of a matrix and every place of an image.
 */
export function spread(values: ArrayLike<number>, most: number): number[] {
  let step = Math.ceil(values.length / most);
  while (commonDivisor(step, values.length) > 1) step++;
  return Array.from({ length: Math.ceil(values.length / step) }, (_, index) => values[index * step]);
}

/** The greatest one. */
function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
