// A small (batched) matrix product: a thread computes four neighbours in a row of the result. The operands may lie in
// any order, and the code is short: a tile loop would take a CPU driver a thousand times longer to compile than to run.
// In front: alias ElementA, alias ElementB, alias Element (of the result); hasBias (one value a column); sumsRows, whether
// the sums of A's rows are wanted, and fn storeRowSum(slice: u32, row: u32, sum: f32), which takes them;
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.

struct Uniforms {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32,
  batchStrideA: u32, // 0: one matrix for all batches
  batchStrideB: u32,
  rowStrideA: u32,
  depthStrideA: u32,
  depthStrideB: u32,
  columnStrideB: u32,
}

@group(0) @binding(0) var<storage, read> a: array<ElementA>;
@group(0) @binding(1) var<storage, read> b: array<ElementB>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let index = workgroup * 64u + local;
  let across = (uniforms.columns + 3u) / 4u;
  let line = index / across; // of all batches
  let column = (index % across) * 4u;
  let batch = line / uniforms.rows;
  let row = line % uniforms.rows;
  if (batch >= uniforms.batches) { return; }

  var atA = batch * uniforms.batchStrideA + row * uniforms.rowStrideA;
  var atB = batch * uniforms.batchStrideB + column * uniforms.columnStrideB;
  var sums = vec4f();
  if (hasBias) { sums = vec4f(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]); }
  var rowSum = 0.0;
  for (var k = 0u; k < uniforms.depth; k++) {
    let value = f32(a[atA]);
    sums += value * vec4f(
      f32(b[atB]),
      f32(b[atB + uniforms.columnStrideB]),
      f32(b[atB + 2u * uniforms.columnStrideB]),
      f32(b[atB + 3u * uniforms.columnStrideB]),
    );
    if (sumsRows) { rowSum += value; }
    atA += uniforms.depthStrideA;
    atB += uniforms.depthStrideB;
  }
  let start = line * uniforms.columns;
  for (var i = 0u; (i < 4u) & (column + i < uniforms.columns); i++) {
    let two = select(sums.xy, sums.zw, i >= 2u);
    result[start + column + i] = finish(Element(select(two.x, two.y, i % 2u == 1u)), start + column + i);
  }
  if (sumsRows & (column == 0u)) { storeRowSum(batch, row, rowSum); }
}
