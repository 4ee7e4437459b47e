/** Between numbers and indices: argmax and oneHot. */
import argmaxSource from "../../shaders/argmax.wgsl";
import { requireCount } from "../arguments.ts";
import { ShapeError } from "../errors.ts";
import { kernel } from "../gpu/kernel.ts";
import { foldAxes, fromIndex, reshapeArray } from "../reference.ts";
import { normaliseAxis, showShape, sizeOf } from "../shape.ts";
import { emptyTensor, type Tensor, tensor } from "../tensor.ts";
import { equal } from "./compare.ts";
import { to } from "./convert.ts";
import { defineComposition, defineOp, dispatch, type OpChecks, requireDtype } from "./define.ts";
import { elementOf } from "./elementwise.ts";
import { reshape } from "./layout.ts";

export const argmaxOp = defineOp<{ axis: number }>({
  name: "argmax",
  forward([x], { axis }) {
    const length = x.shape[axis];
    if (length === 0) throw new ShapeError(`argmax: axis ${axis} of ${showShape(x.shape)} is empty`);
    const shape = x.shape.filter((_, i) => i !== axis);
    const result = emptyTensor(x.gpu, shape, "int32");
    dispatch({
      kernel: kernel("argmax", [argmaxSource], elementOf(x)),
      buffers: [x, result],
      uniforms: { length, inner: sizeOf(x.shape.slice(axis + 1)), outputs: result.size },
      threads: result.size,
      flops: x.size,
    });
    return result;
  },
  backward: { noGradient: "an index is constant almost everywhere" },
});

export const argmaxChecks: OpChecks<{ axis: number }> = {
  op: argmaxOp,
  reference([x], { axis }) {
    const folded = foldAxes(x, [axis], (values) => values.indexOf(Math.max(...values)));
    return reshapeArray(
      folded,
      x.shape.filter((_, i) => i !== axis),
    );
  },
  samples: () => [
    { inputs: [[3, 5]], options: { axis: 1 } },
    { inputs: [[3, 5]], options: { axis: 0 } },
    { inputs: [{ shape: [2, 4, 67], values: { below: 3 } }], options: { axis: 1 } }, // ties: the first wins
  ],
};

/** The index (int32) of the first largest element along an axis, the last by default. */
export function argmax(x: Tensor, axis = -1): Tensor {
  return argmaxOp.run([x], { axis: normaliseAxis("argmax", axis, x.shape.length) });
}

export const oneHotOp = defineComposition<{ classes: number }>({
  name: "oneHot",
  compose([indices], { classes }) {
    requireDtype("oneHot", "int32", indices);
    const range = tensor(
      Int32Array.from({ length: classes }, (_, i) => i),
      { gpu: indices.gpu },
    );
    return to(equal(reshape(indices, [...indices.shape, 1]), range), "float32");
  },
});

export const oneHotChecks: OpChecks<{ classes: number }> = {
  op: oneHotOp,
  reference: ([indices], { classes }) =>
    fromIndex([...indices.shape, classes], (index) => {
      const flat = index.slice(0, -1).reduce((sum, i, axis) => sum * indices.shape[axis] + i, 0);
      return indices.data[flat] === index[index.length - 1] ? 1 : 0;
    }),
  samples: () => [
    { inputs: [{ shape: [5], values: { below: 3 } }], options: { classes: 3 } },
    { inputs: [{ shape: [2, 67], values: { below: 10 } }], options: { classes: 10 } },
  ],
};

/**
 * [...] int32 indices become [..., classes] float32: 1 at the index, 0 elsewhere (all 0 for an index outside).
 * @throws ArgumentError, DtypeError
 */
export function oneHot(indices: Tensor, classes: number): Tensor {
  requireCount("oneHot", { classes });
  return oneHotOp.run([indices], { classes });
}
