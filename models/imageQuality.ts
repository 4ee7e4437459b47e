/**
 * How alike two images look. The structural similarity is that of Wang, Bovik, Sheikh, Simoncelli, "Image quality
 * assessment: from error visibility to structural similarity" (IEEE Transactions on Image Processing 13, 2004), with
 * the paper's constants. It is computed on the host in float64: variances are differences of nearly equal numbers.
 */
import { ShapeError } from "../engine/errors.ts";

/** Peak signal-to-noise ratio in decibels, for pixels in [0, 1]: 10 · log10(1 / mse). */
export function peakSignalToNoise(mse: number): number {
  return 10 * Math.log10(1 / mse);
}

/** The side of the window. */
export const similarityWindow = 11;
const windowStd = 1.5;
const steadyMeans = 0.01 ** 2;
const steadyVariances = 0.03 ** 2;

export interface Planes {
  /** In each array: images times channels. */
  readonly count: number;
  readonly height: number;
  readonly width: number;
}

/**
 * The structural similarity of two sets of planes in [0, 1]: 1 for equal ones, about 0 for unrelated ones. Local means,
 * variances and the covariance are weighted by a Gaussian window of 11 × 11 pixels; their comparison is averaged over
 * all places where the window fits, and over the planes.
 * @param a count × height × width
 * @param b count × height × width
 * @throws ShapeError unless both arrays have these sizes, and a plane holds the window
 */
export function structuralSimilarity(a: Float32Array, b: Float32Array, planes: Planes): number {
  const { count, height, width } = planes;
  const size = height * width;
  if (Math.min(height, width) < similarityWindow) {
    throw new ShapeError(
      `structuralSimilarity: images of ${height} × ${width} are smaller than its window of ${similarityWindow} × ${similarityWindow}`,
    );
  }
  if (a.length !== count * size || b.length !== count * size) {
    throw new ShapeError(
      `structuralSimilarity: ${count} planes of ${height} × ${width} are ${count * size} numbers, got ${a.length} and ${b.length}`,
    );
  }
  let total = 0;
  for (let plane = 0; plane < count; plane++) {
    const [x, y] = [a, b].map((values) =>
      Float64Array.from(values.subarray(plane * size, (plane + 1) * size)),
    );
    const local = (values: Float64Array) => blur(values, height, width);
    const [meanX, meanY] = [local(x), local(y)];
    const [squareX, squareY, product] = [local(multiply(x, x)), local(multiply(y, y)), local(multiply(x, y))];
    let sum = 0;
    for (let i = 0; i < meanX.length; i++) {
      const means = meanX[i] * meanY[i];
      const squares = meanX[i] * meanX[i] + meanY[i] * meanY[i];
      const luminance = (2 * means + steadyMeans) / (squares + steadyMeans);
      const covariance = product[i] - means;
      const variances = squareX[i] + squareY[i] - squares;
      sum += (luminance * (2 * covariance + steadyVariances)) / (variances + steadyVariances);
    }
    total += sum / meanX.length;
  }
  return total / count;
}

function multiply(a: Float64Array, b: Float64Array): Float64Array {
  const products = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) products[i] = a[i] * b[i];
  return products;
}

const window = gaussianWindow();

/** One side of it: the window is its product with itself. */
function gaussianWindow(): Float64Array {
  const middle = (similarityWindow - 1) / 2;
  const weights = new Float64Array(similarityWindow).map((_, i) =>
    Math.exp(-((i - middle) ** 2) / (2 * windowStd ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight);
  return weights.map((weight) => weight / sum);
}

/** The window's weighted mean wherever it fits: first along the rows, then along the columns. */
function blur(plane: Float64Array, height: number, width: number): Float64Array {
  const rows = height - similarityWindow + 1;
  const columns = width - similarityWindow + 1;
  const blurredRows = new Float64Array(height * columns);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < similarityWindow; k++) sum += window[k] * plane[row * width + column + k];
      blurredRows[row * columns + column] = sum;
    }
  }
  const blurred = new Float64Array(rows * columns);
  for (let i = 0; i < blurred.length; i++) {
    let sum = 0;
    for (let k = 0; k < similarityWindow; k++) sum += window[k] * blurredRows[i + k * columns];
    blurred[i] = sum;
  }
  return blurred;
}
