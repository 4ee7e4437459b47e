// What the 64 threads of a workgroup have, added up: a loss, and its weight. The sum is known to thread 0.

var<workgroup> weighted: array<vec2f, 64>;

fn weightedSum(own: vec2f, local: u32) -> vec2f {
  weighted[local] = own;
  for (var apart = 32u; apart > 0u; apart /= 2u) {
    workgroupBarrier();
    if (local < apart) { weighted[local] += weighted[local + apart]; }
  }
  return weighted[local];
}
