// How a product stores what a row of its left operand adds up to.
// In front: @group(0) @binding(…) var<storage, read_write> rowSums: array<f32>; behind: struct Uniforms with rows.

fn storeRowSum(slice: u32, row: u32, sum: f32) {
  if (row < uniforms.rows) { rowSums[slice * uniforms.rows + row] = sum; }
}
