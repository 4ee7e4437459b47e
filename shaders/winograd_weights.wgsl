// A thread takes the window of an output and an input channel to its 36 points.
// In front: winograd.wgsl, winograd_store.wgsl.

struct Uniforms {
  windows: u32, // in all
  rows: u32,    // of the result at a point, in a group
  columns: u32,
  rowStride: u32, // between the windows of successive rows and columns, and of groups
  columnStride: u32,
  groupStride: u32,
  first: u32, // where a window begins: at its last weight, if it is read backwards
  step: i32,  // to the next weight
  pointStride: u32,
  lines: u32, // of points: 6
}

@group(0) @binding(0) var<storage, read> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn threeWeights(start: u32) -> Rows {
  let step = u32(uniforms.step);
  return column(vec4f(weight[start], weight[start + step], weight[start + 2u * step], 0.0), vec2f());
}

fn main(workgroup: u32, local: u32) {
  let thread = workgroup * 64u + local;
  if (thread >= uniforms.windows) { return; }
  let place = quotient(thread, uniforms.columns);
  let group = quotient(place, uniforms.rows);
  let row = place - group * uniforms.rows;
  let columnOfRow = thread - place * uniforms.columns;
  let window = group * uniforms.groupStride + row * uniforms.rowStride + columnOfRow * uniforms.columnStride;
  let start = window + uniforms.first;
  let line = 3u * u32(uniforms.step);
  let w0 = weightsAtPoints(threeWeights(start));
  let w1 = weightsAtPoints(threeWeights(start + line));
  let w2 = weightsAtPoints(threeWeights(start + 2u * line));
  let nothing = vec4f();
  storePoints(
    thread,
    weightsAtPoints(Rows(leftOf(w0), leftOf(w1), leftOf(w2), nothing, nothing, nothing)),
    weightsAtPoints(Rows(rightOf(w0), rightOf(w1), rightOf(w2), nothing, nothing, nothing)),
  );
}
