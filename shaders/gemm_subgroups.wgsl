// The tile loop of a matrix product for CPU adapters with subgroups of eight lanes or more: as in gemm_registers.wgsl a
// thread keeps 8 × 8 results in registers, but the eight lanes of a workgroup work on the same rows, so that each loads
// one row of A and shares it. What blockB and store mean stands there;
//   rowOfA(tile.batch, tile.row, k): four values of A along k
// In front: enable subgroups.

const tileRows = 8u;
const tileColumns = 64u;
const workgroupThreads = 8u;

@compute @workgroup_size(workgroupThreads)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tile = tileOf(workgroupIndex(workgroup, workgroups));
  if (!isThere(tile)) { return; }
  let column = tile.column + local * 8u;

  var c00 = mat4x4f();
  var c01 = mat4x4f();
  var c10 = mat4x4f();
  var c11 = mat4x4f();
  var sums = vec4f(); // of the row of A that this lane loads
  for (var k = tile.start; k < tile.end; k += 4u) {
    let own = rowOfA(tile.batch, tile.row + lane % tileRows, k);
    let b0 = blockB(tile.batch, k, column);
    let b1 = blockB(tile.batch, k, column + 4u);
    let a0 = mat4x4f(
      subgroupBroadcast(own, 0u),
      subgroupBroadcast(own, 1u),
      subgroupBroadcast(own, 2u),
      subgroupBroadcast(own, 3u),
    );
    let a1 = mat4x4f(
      subgroupBroadcast(own, 4u),
      subgroupBroadcast(own, 5u),
      subgroupBroadcast(own, 6u),
      subgroupBroadcast(own, 7u),
    );
    c00 += b0 * a0;
    c01 += b1 * a0;
    c10 += b0 * a1;
    c11 += b1 * a1;
    if (sumsRows) { sums += own; }
  }
  store(tile.slice, tile.row, column, c00);
  store(tile.slice, tile.row, column + 4u, c01);
  store(tile.slice, tile.row + 4u, column, c10);
  store(tile.slice, tile.row + 4u, column + 4u, c11);
  if (sumsRows & (tile.column == 0u) & (lane < tileRows)) {
    storeRowSum(tile.slice, tile.row + lane, (sums.x + sums.y) + (sums.z + sums.w));
  }
}
