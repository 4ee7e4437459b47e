// The sum of exp over a row of x, whose largest element is subtracted first, so that exp cannot overflow.
// In front: what rows.wgsl needs. Behind: struct Uniforms with length, inner and rows, and x.

fn largestOf(row: Row, local: u32) -> f32 {
  var largest = x[row.start];
  for (var k = row.member; k < row.length; k += teamSize) {
    largest = max(largest, x[row.start + k * uniforms.inner]);
  }
  return maximumOfTeam(largest, local);
}

fn exponentialSumOf(row: Row, largest: f32, local: u32) -> f32 {
  var total = 0.0;
  for (var k = row.member; k < row.length; k += teamSize) {
    total += exp(x[row.start + k * uniforms.inner] - largest);
  }
  return sumOfTeam(total, local);
}
