/** The two directions in which points differ most (Pearson 1901), by power iteration. */

const iterations = 60;

/**
 * @param points [count, size]
 * @returns the mean, and two orthogonal unit vectors; for points of two dimensions the mean is 0 and these are the axes
 */
export function principalDirections(
  points: Float32Array,
  size: number,
): { centre: Float32Array; directions: [Float32Array, Float32Array] } {
  const axis = (index: number) => Float32Array.from({ length: size }, (_, i) => (i === index ? 1 : 0));
  if (size <= 2) return { centre: new Float32Array(size), directions: [axis(0), axis(1)] };
  const count = points.length / size;
  const centre = new Float32Array(size);
  for (let at = 0; at < points.length; at++) centre[at % size] += points[at] / count;
  const covariance = new Float64Array(size * size);
  for (let point = 0; point < count; point++) {
    for (let i = 0; i < size; i++) {
      const own = points[point * size + i] - centre[i];
      for (let j = 0; j <= i; j++) covariance[i * size + j] += own * (points[point * size + j] - centre[j]);
    }
  }
  for (let i = 0; i < size; i++)
    for (let j = 0; j < i; j++) covariance[j * size + i] = covariance[i * size + j];
  const first = largestDirection(covariance, size, undefined);
  return { centre, directions: [first, largestDirection(covariance, size, first)] };
}

/** @param without a direction that the result has nothing of */
function largestDirection(
  matrix: Float64Array,
  size: number,
  without: Float32Array | undefined,
): Float32Array {
  let vector = Float64Array.from({ length: size }, (_, i) => 1 + ((i * 7919) % 13) / 13);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const next = new Float64Array(size);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) next[i] += matrix[i * size + j] * vector[j];
    if (without) {
      let along = 0;
      for (let i = 0; i < size; i++) along += next[i] * without[i];
      for (let i = 0; i < size; i++) next[i] -= along * without[i];
    }
    const length = Math.hypot(...next);
    if (length < 1e-12) break; // the points do not differ at all
    vector = next.map((value) => value / length);
  }
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => value / length);
}
