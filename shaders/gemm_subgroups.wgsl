// The tile loop of a matrix product for CPU adapters with subgroups of eight lanes or more: as in gemm_registers.wgsl a
// thread keeps its results in registers, here 8 × 8 or 16 × 8 of them, but the eight lanes of a workgroup work on the same
// rows, so that each loads one row of A, or two, and shares it. What blockB and store mean stands there;
//   rowOfA(tile.batch, tile.row, k): four values of A along k
// In front: enable subgroups; tall (16 rows, else 8): what is loaded of B serves twice as many results.

const lanes = 8u; // of a workgroup
const tileRows = select(lanes, 2u * lanes, tall);
const tileColumns = 64u;

// What four lanes loaded, a column each: four rows of A.
fn rowsOfLanes(own: vec4f, lane: u32) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(own, lane),
    subgroupShuffle(own, lane + 1u),
    subgroupShuffle(own, lane + 2u),
    subgroupShuffle(own, lane + 3u),
  );
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
  let column = tile.column + local * 8u;

  var c00 = mat4x4f(); var c01 = mat4x4f();
  var c10 = mat4x4f(); var c11 = mat4x4f();
  var c20 = mat4x4f(); var c21 = mat4x4f();
  var c30 = mat4x4f(); var c31 = mat4x4f();
  var upperSums = vec4f(); // of the rows of A that this lane loads
  var lowerSums = vec4f();
  let ownRow = tile.row + lane % lanes;
  for (var k = tile.start; k < tile.end; k += 4u) {
    let upper = rowOfA(tile.batch, ownRow, k);
    let b0 = blockB(tile.batch, k, column);
    let b1 = blockB(tile.batch, k, column + 4u);
    let a0 = rowsOfLanes(upper, 0u);
    let a1 = rowsOfLanes(upper, 4u);
    c00 += b0 * a0;
    c01 += b1 * a0;
    c10 += b0 * a1;
    c11 += b1 * a1;
    if (sumsRows) { upperSums += upper; }
    if (tall) {
      let lower = rowOfA(tile.batch, ownRow + lanes, k);
      let a2 = rowsOfLanes(lower, 0u);
      let a3 = rowsOfLanes(lower, 4u);
      c20 += b0 * a2;
      c21 += b1 * a2;
      c30 += b0 * a3;
      c31 += b1 * a3;
      if (sumsRows) { lowerSums += lower; }
    }
  }
  store(tile.slice, tile.row, column, c00);
  store(tile.slice, tile.row, column + 4u, c01);
  store(tile.slice, tile.row + 4u, column, c10);
  store(tile.slice, tile.row + 4u, column + 4u, c11);
  if (tall) {
    store(tile.slice, tile.row + 8u, column, c20);
    store(tile.slice, tile.row + 8u, column + 4u, c21);
    store(tile.slice, tile.row + 12u, column, c30);
    store(tile.slice, tile.row + 12u, column + 4u, c31);
  }
  if (sumsRows & (tile.column == 0u) & (lane < lanes)) {
    storeRowSum(tile.slice, ownRow, (upperSums.x + upperSums.y) + (upperSums.z + upperSums.w));
    if (tall) { storeRowSum(tile.slice, ownRow + lanes, (lowerSums.x + lowerSums.y) + (lowerSums.z + lowerSums.w)); }
  }
}
