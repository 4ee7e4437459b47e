/**
 * Products that are large enough for the largest tiles, which the checks of all operations do not reach, against sums in
 * float64: odd sizes and multiples of four, every transposition, and a layer's gradients.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hashed } from "../bench/hashed.ts";
import { openDevice } from "../engine/currentDevice.ts";
import { linear, matmul } from "../engine/ops/matmul.ts";
import { tensor } from "../engine/tensor.ts";

const gpu = await openDevice();
test.after(() => gpu.close());

type Size = readonly [rows: number, depth: number, columns: number];
const sizes: readonly Size[] = [
  [135, 231, 141],
  [128, 256, 132],
];

/** What a number may be off, against the sum of the products' magnitudes: float32 adds up hundreds of them. */
const tolerance = 1e-6;

for (const [rows, depth, columns] of sizes) {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const name = `${rows} × ${depth} · ${depth} × ${columns}${transposeA ? ", a transposed" : ""}${transposeB ? ", b transposed" : ""}`;
      test(name, async () => {
        const [shapeA, shapeB] = [
          transposeA ? [depth, rows] : [rows, depth],
          transposeB ? [columns, depth] : [depth, columns],
        ];
        const [a, b] = [hashed(shapeA, 1), hashed(shapeB, 2)];
        const product = matmul(tensor(a, { shape: shapeA }), tensor(b, { shape: shapeB }), {
          transposeA,
          transposeB,
        });
        const expected = (row: number, column: number) =>
          terms(
            depth,
            (k) =>
              a[transposeA ? k * rows + row : row * depth + k] *
              b[transposeB ? column * depth + k : k * columns + column],
          );
        same(await product.data(), [rows, columns], expected);
      });
    }
  }

  test(`gradients of a layer, ${rows} images, ${depth} to ${columns} features`, async () => {
    const shapes = [[rows, depth], [columns, depth], [columns], [rows, columns]];
    const [x, weight, bias, dy] = shapes.map((shape, salt) => hashed(shape, salt));
    const [inputs, parameters, add, gradient] = [x, weight, bias, dy].map((data, i) =>
      tensor(data, { shape: shapes[i], requiresGrad: i < 3 }),
    );
    linear(inputs, parameters, add).backward(gradient);
    same(await inputs.grad!.data(), [rows, depth], (row, k) =>
      terms(columns, (column) => dy[row * columns + column] * weight[column * depth + k]),
    );
    same(await parameters.grad!.data(), [columns, depth], (column, k) =>
      terms(rows, (row) => dy[row * columns + column] * x[row * depth + k]),
    );
    same(await add.grad!.data(), [1, columns], (_, column) =>
      terms(rows, (row) => dy[row * columns + column]),
    );
  });
}

interface Sum {
  readonly value: number;
  readonly magnitude: number;
}

function terms(count: number, term: (index: number) => number): Sum {
  let [value, magnitude] = [0, 0];
  for (let index = 0; index < count; index++) {
    value += term(index);
    magnitude += Math.abs(term(index));
  }
  return { value, magnitude };
}

function same(
  actual: ArrayLike<number>,
  [rows, columns]: readonly number[],
  expected: (row: number, column: number) => Sum,
): void {
  assert.is(actual.length, rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const { value, magnitude } = expected(row, column);
      const got = actual[row * columns + column];
      assert.ok(
        Math.abs(got - value) <= tolerance * magnitude,
        `row ${row}, column ${column}: ${got}, expected ${value}`,
      );
    }
  }
}

test.run();
