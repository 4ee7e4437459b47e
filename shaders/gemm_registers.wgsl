// The tile loop of a matrix product for CPU adapters: a thread keeps 8 × 8 results in registers and reads its operands in
// blocks of 4 × 4, straight from storage (workgroup memory is no faster there).
//
// The file before this one says what the operands are:
//   blockA(batch, row, k):    four rows, each four values along k
//   blockB(batch, k, column): four values of k, each four columns; zeros beyond the depth, as in A
//   startOf(batch, row, column): what the sums of four rows of four columns begin with
//   storeFour(slice, row, column, values): four columns of a row that exists; ignores columns outside
//   sumsRows: whether the sums of A's rows along k are wanted; storeRowSum(slice, row, sum) takes them
// With splits > 1 the depth is cut up, and each part stores a slice of its own, which the host adds up.

const tileRows = 8u;
const tileColumns = 8u;
const workgroupThreads = 32u;

@compute @workgroup_size(workgroupThreads)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = tileOf(workgroupIndex(workgroup, workgroups) * workgroupThreads + local);
  if (!isThere(tile)) { return; }

  var c00 = startOf(tile.batch, tile.row, tile.column);
  var c01 = startOf(tile.batch, tile.row, tile.column + 4u);
  var c10 = startOf(tile.batch, tile.row + 4u, tile.column);
  var c11 = startOf(tile.batch, tile.row + 4u, tile.column + 4u);
  var upper = vec4f(); // sums of A's rows
  var lower = vec4f();
  for (var k = tile.start; k < tile.end; k += 4u) {
    let a0 = blockA(tile.batch, tile.row, k);
    let a1 = blockA(tile.batch, tile.row + 4u, k);
    let b0 = blockB(tile.batch, k, tile.column);
    let b1 = blockB(tile.batch, k, tile.column + 4u);
    // Row i of a block of C is a sum of B's rows weighted by row i of A: in WGSL's column-wise words, B times A.
    c00 += b0 * a0;
    c01 += b1 * a0;
    c10 += b0 * a1;
    c11 += b1 * a1;
    if (sumsRows) {
      upper += vec4f(1.0) * a0;
      lower += vec4f(1.0) * a1;
    }
  }
  // A loop, and not a copy for each row: stores are long code, and long code is what compiling takes long for.
  for (var i = 0u; (i < tileRows) & (tile.row + i < uniforms.rows); i++) {
    storeFour(tile.slice, tile.row + i, tile.column, rowOf(i, c00, c10));
    storeFour(tile.slice, tile.row + i, tile.column + 4u, rowOf(i, c01, c11));
  }
  if (sumsRows & (tile.column == 0u)) {
    for (var i = 0u; i < 4u; i++) {
      storeRowSum(tile.slice, tile.row + i, upper[i]);
      storeRowSum(tile.slice, tile.row + 4u + i, lower[i]);
    }
  }
}
