// The operands of a (batched) matrix product, each stored straight or transposed, for one of the gemm tile loops.
// In front: alias ElementA, alias ElementB, alias Element (of the result); transposedA, transposedB; alignedA, alignedB
// (lines of the stored matrix are a multiple of four long); alignedDepth; hasBias (one value a column);
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.
// Operands and result may be blocks of larger matrices: they begin at the binding's start, and their lines are as long
// as those of the whole matrix.

struct Uniforms {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32,
  splits: u32,
  depthPerSplit: u32,
  batchStrideA: u32, // 0: one matrix for all batches
  batchStrideB: u32,
  lineA: u32,
  lineB: u32,
  lineResult: u32,
  resultStride: u32, // between the results of batches, and of parts of a split sum
}

@group(0) @binding(0) var<storage, read> a: array<vec4<ElementA>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<ElementB>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<Element>;

// Four neighbours of a stored matrix. What lies outside of it is some other number, except along k: zero.
fn fourOfA(start: u32) -> vec4f {
  if (alignedA) { return vec4f(a[start / 4u]); }
  return vec4f(
    f32(a[start / 4u][start % 4u]),
    f32(a[(start + 1u) / 4u][(start + 1u) % 4u]),
    f32(a[(start + 2u) / 4u][(start + 2u) % 4u]),
    f32(a[(start + 3u) / 4u][(start + 3u) % 4u]),
  );
}

fn fourOfB(start: u32) -> vec4f {
  if (alignedB) { return vec4f(b[start / 4u]); }
  return vec4f(
    f32(b[start / 4u][start % 4u]),
    f32(b[(start + 1u) / 4u][(start + 1u) % 4u]),
    f32(b[(start + 2u) / 4u][(start + 2u) % 4u]),
    f32(b[(start + 3u) / 4u][(start + 3u) % 4u]),
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
    let start = base + k * uniforms.lineA + row;
    return transpose(mat4x4f(
      select(nothing, fourOfA(start), inside.x),
      select(nothing, fourOfA(start + uniforms.lineA), inside.y),
      select(nothing, fourOfA(start + 2u * uniforms.lineA), inside.z),
      select(nothing, fourOfA(start + 3u * uniforms.lineA), inside.w),
    ));
  }
  let start = base + row * uniforms.lineA + k;
  return mat4x4f(
    select(nothing, fourOfA(start), inside),
    select(nothing, fourOfA(start + uniforms.lineA), inside),
    select(nothing, fourOfA(start + 2u * uniforms.lineA), inside),
    select(nothing, fourOfA(start + 3u * uniforms.lineA), inside),
  );
}

fn oneOfA(start: u32) -> f32 {
  return f32(a[start / 4u][start % 4u]);
}

fn rowOfA(batch: u32, row: u32, k: u32) -> vec4f {
  let base = batch * uniforms.batchStrideA;
  var values = vec4f();
  if (transposedA) {
    let start = base + k * uniforms.lineA + row;
    values = vec4f(
      oneOfA(start),
      oneOfA(start + uniforms.lineA),
      oneOfA(start + 2u * uniforms.lineA),
      oneOfA(start + 3u * uniforms.lineA),
    );
  } else {
    values = fourOfA(base + row * uniforms.lineA + k);
  }
  return select(vec4f(), values, insideDepth(k));
}

fn blockB(batch: u32, k: u32, column: u32) -> mat4x4f {
  let base = batch * uniforms.batchStrideB;
  let inside = insideDepth(k);
  let nothing = vec4f();
  if (transposedB) {
    let start = base + column * uniforms.lineB + k;
    return transpose(mat4x4f(
      select(nothing, fourOfB(start), inside),
      select(nothing, fourOfB(start + uniforms.lineB), inside),
      select(nothing, fourOfB(start + 2u * uniforms.lineB), inside),
      select(nothing, fourOfB(start + 3u * uniforms.lineB), inside),
    ));
  }
  let start = base + k * uniforms.lineB + column;
  return mat4x4f(
    select(nothing, fourOfB(start), inside.x),
    select(nothing, fourOfB(start + uniforms.lineB), inside.y),
    select(nothing, fourOfB(start + 2u * uniforms.lineB), inside.z),
    select(nothing, fourOfB(start + 3u * uniforms.lineB), inside.w),
  );
}

fn startOf(batch: u32, row: u32, column: u32) -> mat4x4f {
  if (!hasBias) { return mat4x4f(); }
  let add = vec4f(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]);
  return mat4x4f(add, add, add, add);
}

fn storeFour(slice: u32, row: u32, column: u32, values: vec4f) {
  let i = slice * uniforms.resultStride + row * uniforms.lineResult + column;
  if (column < uniforms.columns) { result[i] = finish(Element(values.x), i); }
  if (column + 1u < uniforms.columns) { result[i + 1u] = finish(Element(values.y), i + 1u); }
  if (column + 2u < uniforms.columns) { result[i + 2u] = finish(Element(values.z), i + 2u); }
  if (column + 3u < uniforms.columns) { result[i + 3u] = finish(Element(values.w), i + 3u); }
}
