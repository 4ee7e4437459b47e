// The tile loop of a matrix product for CPU adapters with subgroups of eight lanes or more: as in gemm_registers.wgsl a
// thread keeps its results in registers, here 16 × 4 or 16 × 8 of them, but the eight lanes of a workgroup work on the same
// rows, so that each loads two rows of A and shares them. What blockB, startOf and storeFour mean stands there;
//   rowOfA(tile.batch, tile.row, k): four values of A along k
// In front: enable subgroups; wide (8 columns, else 4): what is loaded of A serves twice as many results.

const lanes = 8u; // of a workgroup
const tileRows = 16u;
const columnsAThread = select(4u, 8u, wide);
const tileColumns = lanes * columnsAThread;

// What four lanes loaded, a column each: four rows of A.
fn rowsOfLanes(own: vec4f, lane: u32) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(own, lane),
    subgroupShuffle(own, lane + 1u),
    subgroupShuffle(own, lane + 2u),
    subgroupShuffle(own, lane + 3u),
  );
}

// Four columns of the tile.
struct Columns {
  rows0: mat4x4f,
  rows4: mat4x4f,
  rows8: mat4x4f,
  rows12: mat4x4f,
}

fn startOfColumns(batch: u32, row: u32, column: u32) -> Columns {
  return Columns(
    startOf(batch, row, column),
    startOf(batch, row + 4u, column),
    startOf(batch, row + 8u, column),
    startOf(batch, row + 12u, column),
  );
}

// Row i of a block is a sum of B's rows weighted by row i of A: in WGSL's column-wise words, B times A.
fn add(sums: Columns, b: mat4x4f, a: Columns) -> Columns {
  return Columns(
    sums.rows0 + b * a.rows0,
    sums.rows4 + b * a.rows4,
    sums.rows8 + b * a.rows8,
    sums.rows12 + b * a.rows12,
  );
}

fn rowOfColumns(i: u32, sums: Columns) -> vec4f {
  return select(rowOf(i, sums.rows0, sums.rows4), rowOf(i, sums.rows8, sums.rows12), i >= 8u);
}

@compute @workgroup_size(lanes)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tile = tileOf(workgroupIndex(workgroup, workgroups));
  if (!isThere(tile)) { return; }
  let column = tile.column + local * columnsAThread;

  var left = startOfColumns(tile.batch, tile.row, column);
  var right = Columns();
  if (wide) { right = startOfColumns(tile.batch, tile.row, column + 4u); }
  var upperSums = vec4f(); // of the rows of A that this lane loads
  var lowerSums = vec4f();
  let ownRow = tile.row + lane % lanes;
  for (var k = tile.start; k < tile.end; k += 4u) {
    let upper = rowOfA(tile.batch, ownRow, k);
    let lower = rowOfA(tile.batch, ownRow + lanes, k);
    let a = Columns(rowsOfLanes(upper, 0u), rowsOfLanes(upper, 4u), rowsOfLanes(lower, 0u), rowsOfLanes(lower, 4u));
    left = add(left, blockB(tile.batch, k, column), a);
    if (wide) { right = add(right, blockB(tile.batch, k, column + 4u), a); }
    if (sumsRows) {
      upperSums += upper;
      lowerSums += lower;
    }
  }
  for (var i = 0u; (i < tileRows) & (tile.row + i < uniforms.rows); i++) {
    storeFour(tile.slice, tile.row + i, column, rowOfColumns(i, left));
    if (wide) { storeFour(tile.slice, tile.row + i, column + 4u, rowOfColumns(i, right)); }
  }
  if (sumsRows & (tile.column == 0u) & (lane < lanes)) {
    storeRowSum(tile.slice, ownRow, (upperSums.x + upperSums.y) + (upperSums.z + upperSums.w));
    storeRowSum(tile.slice, ownRow + lanes, (lowerSums.x + lowerSums.y) + (lowerSums.z + lowerSums.w));
  }
}
