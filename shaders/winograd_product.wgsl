// The operands of the matrix products at the 36 points, for one of the gemm tile loops: lines of both and of the result
// are a multiple of four long, so that all is read and written in vectors.

struct Uniforms {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32, // points · groups
  splits: u32,
  depthPerSplit: u32,
  groups: u32,
  pointA: u32, // from a point to the next, in vectors, as all that follows
  groupA: u32,
  lineA: u32,
  pointB: u32,
  groupB: u32,
  lineB: u32,
  pointResult: u32,
  groupResult: u32,
  lineResult: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4f>;

fn startOfA(batch: u32) -> u32 {
  return (batch / uniforms.groups) * uniforms.pointA + (batch % uniforms.groups) * uniforms.groupA;
}

fn rowOfA(batch: u32, row: u32, k: u32) -> vec4f {
  return a[startOfA(batch) + row * uniforms.lineA + k / 4u];
}

fn blockA(batch: u32, row: u32, k: u32) -> mat4x4f {
  let start = startOfA(batch) + row * uniforms.lineA + k / 4u;
  return mat4x4f(
    a[start],
    a[start + uniforms.lineA],
    a[start + 2u * uniforms.lineA],
    a[start + 3u * uniforms.lineA],
  );
}

fn blockB(batch: u32, k: u32, column: u32) -> mat4x4f {
  let base = (batch / uniforms.groups) * uniforms.pointB + (batch % uniforms.groups) * uniforms.groupB;
  let start = base + k * uniforms.lineB + column / 4u;
  return mat4x4f(
    b[start],
    b[start + uniforms.lineB],
    b[start + 2u * uniforms.lineB],
    b[start + 3u * uniforms.lineB],
  );
}

fn startOf(batch: u32, row: u32, column: u32) -> mat4x4f {
  return mat4x4f();
}

fn storeFour(slice: u32, row: u32, column: u32, values: vec4f) {
  if (column >= uniforms.columns) { return; }
  let base = (slice / uniforms.groups) * uniforms.pointResult + (slice % uniforms.groups) * uniforms.groupResult;
  result[base + row * uniforms.lineResult + column / 4u] = values;
}
