// The tile loop of a matrix product for graphics cards: 256 threads share tiles of 64 × 32 of both operands in workgroup
// memory, and each computes 4 × 4 of 64 × 64 results. What blockA, blockB, startOf and storeFour mean stands in
// gemm_registers.wgsl.
// In front: const fetchesAhead: whether a thread asks for its block of the next tiles before it computes with these, and
// so need not wait for it, but has to keep it.

const tileRows = 64u;
const tileColumns = 64u;
const tileDepth = 32u;
const workgroupThreads = 256u;

var<workgroup> tileA: array<vec4f, 512>; // [row][k / 4]
var<workgroup> tileB: array<vec4f, 512>; // [k][column / 4]

// Four rows of A, or four columns of B, at depths k to k + 3.
fn fetched(tile: Tile, isOfA: bool, place: u32, k: u32) -> mat4x4f {
  if (k >= tile.end) { return mat4x4f(); }
  if (isOfA) { return blockA(tile.batch, tile.row + place, k); }
  return blockB(tile.batch, k, tile.column + place);
}

@compute @workgroup_size(workgroupThreads)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = tileOf(workgroupIndex(workgroup, workgroups));
  if (!isThere(tile)) { return; }

  // Half of the threads fetch a block of A, half a block of B; neighbours read along what lies together in memory.
  let fetcher = local % 128u;
  let fetchesA = local < 128u;
  let fetchK = select(fetcher / 16u, fetcher % 8u, fetchesA) * 4u;
  let fetchPlace = select(fetcher % 16u, fetcher / 8u, fetchesA) * 4u;

  let row = (local / 16u) * 4u;
  let column = local % 16u; // in vectors
  var c = startOf(tile.batch, tile.row + row, tile.column + column * 4u);
  var sums = vec4f(); // of the rows of A that this thread fetches, where they are wanted
  var block = fetched(tile, fetchesA, fetchPlace, tile.start + fetchK);
  for (var k = tile.start; k < tile.end; k += tileDepth) {
    if (sumsRows) { sums += vec4f(1.0) * block; }
    for (var i = 0u; i < 4u; i++) {
      if (fetchesA) { tileA[(fetchPlace + i) * 8u + fetchK / 4u] = block[i]; }
      else { tileB[(fetchK + i) * 16u + fetchPlace / 4u] = block[i]; }
    }
    workgroupBarrier();
    let next = k + tileDepth + fetchK;
    if (fetchesAhead) { block = fetched(tile, fetchesA, fetchPlace, next); }
    for (var inner = 0u; inner < tileDepth; inner += 4u) {
      let part = row * 8u + inner / 4u;
      let a = mat4x4f(tileA[part], tileA[part + 8u], tileA[part + 16u], tileA[part + 24u]);
      let line = inner * 16u + column;
      let b = mat4x4f(tileB[line], tileB[line + 16u], tileB[line + 32u], tileB[line + 48u]);
      c += b * a;
    }
    workgroupBarrier();
    if (!fetchesAhead) { block = fetched(tile, fetchesA, fetchPlace, next); }
  }
  for (var i = 0u; i < 4u; i++) {
    let at = tile.row + row + i;
    if (at < uniforms.rows) { storeFour(tile.slice, at, tile.column + column * 4u, c[i]); }
  }
  if (sumsRows) {
    // Eight threads each had a part of the same four rows.
    if (fetchesA) { tileA[local] = sums; }
    workgroupBarrier();
    if (tile.column == 0u && local < 16u) {
      var total = vec4f();
      for (var i = 0u; i < 8u; i++) { total += tileA[local * 8u + i]; }
      for (var i = 0u; i < 4u; i++) { storeRowSum(tile.slice, tile.row + local * 4u + i, total[i]); }
    }
  }
}
