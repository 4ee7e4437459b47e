// The operands of a (batched) matrix product, each stored straight or transposed, for one of the gemm tile loops.
// In front: transposedA, transposedB; alignedA, alignedB (lines of the stored matrix are a multiple of four long);
// alignedDepth; hasBias (one value a column); fn activate(x: vec4f) -> vec4f.

struct Uniforms {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32,
  splits: u32,
  depthPerSplit: u32,
  batchStrideA: u32, // 0: one matrix for all batches
  batchStrideB: u32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> a: array<vec4f>;
@group(1) @binding(1) var<storage, read> b: array<vec4f>;
@group(1) @binding(2) var<storage, read> bias: array<f32>;
@group(1) @binding(3) var<storage, read_write> result: array<f32>;

// Four neighbours of a stored matrix. What lies outside of it is some other number, except along k: zero.
fn fourOfA(start: u32) -> vec4f {
  if (alignedA) { return a[start / 4u]; }
  return vec4f(
    a[start / 4u][start % 4u],
    a[(start + 1u) / 4u][(start + 1u) % 4u],
    a[(start + 2u) / 4u][(start + 2u) % 4u],
    a[(start + 3u) / 4u][(start + 3u) % 4u],
  );
}

fn fourOfB(start: u32) -> vec4f {
  if (alignedB) { return b[start / 4u]; }
  return vec4f(
    b[start / 4u][start % 4u],
    b[(start + 1u) / 4u][(start + 1u) % 4u],
    b[(start + 2u) / 4u][(start + 2u) % 4u],
    b[(start + 3u) / 4u][(start + 3u) % 4u],
  );
}

fn insideDepth(k: u32) -> vec4<bool> {
  if (alignedDepth) { return vec4<bool>(true); }
  return vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(uniforms.depth);
}

fn blockA(batch: u32, row: u32, k: u32) -> mat4x4f {
  let base = batch * uniforms.batchStrideA;
  let inside = insideDepth(k);
  let nothing = vec4f();
  if (transposedA) {
    let start = base + k * uniforms.rows + row;
    return transpose(mat4x4f(
      select(nothing, fourOfA(start), inside.x),
      select(nothing, fourOfA(start + uniforms.rows), inside.y),
      select(nothing, fourOfA(start + 2u * uniforms.rows), inside.z),
      select(nothing, fourOfA(start + 3u * uniforms.rows), inside.w),
    ));
  }
  let start = base + row * uniforms.depth + k;
  return mat4x4f(
    select(nothing, fourOfA(start), inside),
    select(nothing, fourOfA(start + uniforms.depth), inside),
    select(nothing, fourOfA(start + 2u * uniforms.depth), inside),
    select(nothing, fourOfA(start + 3u * uniforms.depth), inside),
  );
}

fn blockB(batch: u32, k: u32, column: u32) -> mat4x4f {
  let base = batch * uniforms.batchStrideB;
  let inside = insideDepth(k);
  let nothing = vec4f();
  if (transposedB) {
    let start = base + column * uniforms.depth + k;
    return transpose(mat4x4f(
      select(nothing, fourOfB(start), inside),
      select(nothing, fourOfB(start + uniforms.depth), inside),
      select(nothing, fourOfB(start + 2u * uniforms.depth), inside),
      select(nothing, fourOfB(start + 3u * uniforms.depth), inside),
    ));
  }
  let start = base + k * uniforms.columns + column;
  return mat4x4f(
    select(nothing, fourOfB(start), inside.x),
    select(nothing, fourOfB(start + uniforms.columns), inside.y),
    select(nothing, fourOfB(start + 2u * uniforms.columns), inside.z),
    select(nothing, fourOfB(start + 3u * uniforms.columns), inside.w),
  );
}

fn store(slice: u32, row: u32, column: u32, block: mat4x4f) {
  if (column >= uniforms.columns) { return; }
  var add = vec4f();
  if (hasBias) { add = vec4f(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]); }
  let start = slice * uniforms.rows * uniforms.columns + row * uniforms.columns + column;
  storeRow(start, row, column, activate(block[0] + add));
  storeRow(start + uniforms.columns, row + 1u, column, activate(block[1] + add));
  storeRow(start + 2u * uniforms.columns, row + 2u, column, activate(block[2] + add));
  storeRow(start + 3u * uniforms.columns, row + 3u, column, activate(block[3] + add));
}

fn storeRow(start: u32, row: u32, column: u32, values: vec4f) {
  if (row >= uniforms.rows) { return; }
  result[start] = values.x;
  if (column + 1u < uniforms.columns) { result[start + 1u] = values.y; }
  if (column + 2u < uniforms.columns) { result[start + 2u] = values.z; }
  if (column + 3u < uniforms.columns) { result[start + 3u] = values.w; }
}
