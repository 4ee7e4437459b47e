// The tile loop of a matrix product for CPU adapters: a thread keeps 8 × 8 results in registers and reads its operands in
// blocks of 4 × 4, straight from storage (workgroup memory is no faster there).
//
// The file before this one says what the operands are:
//   blockA(batch, row, k):    four rows, each four values along k
//   blockB(batch, k, column): four values of k, each four columns; zeros beyond the depth, as in A
//   store(slice, row, column, block): four rows of four columns; ignores what lies outside
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
  let tilesAcross = (uniforms.columns + tileColumns - 1u) / tileColumns;
  let tilesDown = (uniforms.rows + tileRows - 1u) / tileRows;
  let thread = workgroupIndex(workgroup, workgroups) * workgroupThreads + local;
  let slice = thread / (tilesAcross * tilesDown); // split · batches + batch
  if (slice >= uniforms.batches * uniforms.splits) { return; }
  let tile = thread % (tilesAcross * tilesDown);
  let row = (tile / tilesAcross) * tileRows;
  let column = (tile % tilesAcross) * tileColumns;
  let batch = slice % uniforms.batches;
  let start = (slice / uniforms.batches) * uniforms.depthPerSplit;
  let end = min(start + uniforms.depthPerSplit, uniforms.depth);

  var c00 = mat4x4f();
  var c01 = mat4x4f();
  var c10 = mat4x4f();
  var c11 = mat4x4f();
  for (var k = start; k < end; k += 4u) {
    let a0 = blockA(batch, row, k);
    let a1 = blockA(batch, row + 4u, k);
    let b0 = blockB(batch, k, column);
    let b1 = blockB(batch, k, column + 4u);
    // Row i of a block of C is a sum of B's rows weighted by row i of A: in WGSL's column-wise words, B times A.
    c00 += b0 * a0;
    c01 += b1 * a0;
    c10 += b0 * a1;
    c11 += b1 * a1;
  }
  store(slice, row, column, c00);
  store(slice, row, column + 4u, c01);
  store(slice, row + 4u, column, c10);
  store(slice, row + 4u, column + 4u, c11);
}
