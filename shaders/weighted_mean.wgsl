// A workgroup adds up its share of losses and of their weights. The last pass, a single workgroup, divides: its result
// is the weighted mean and the weight of all.
// In front: weighted_sum.wgsl; isLast.

struct Uniforms {
  count: u32,
  threads: u32,
}

@group(0) @binding(0) var<storage, read> losses: array<vec2f>; // weighted, each with its weight
@group(0) @binding(1) var<storage, read_write> result: array<vec2f>;

fn main(workgroup: u32, local: u32) {
  var i = workgroup * 64u + local;
  // Four running sums: shorter chains of additions, and fewer turns of the loop.
  var sum0 = vec2f();
  var sum1 = vec2f();
  var sum2 = vec2f();
  var sum3 = vec2f();
  for (; i + 3u * uniforms.threads < uniforms.count; i += 4u * uniforms.threads) {
    sum0 += losses[i];
    sum1 += losses[i + uniforms.threads];
    sum2 += losses[i + 2u * uniforms.threads];
    sum3 += losses[i + 3u * uniforms.threads];
  }
  for (; i < uniforms.count; i += uniforms.threads) { sum0 += losses[i]; }
  let all = weightedSum((sum0 + sum1) + (sum2 + sum3), local);
  if (local == 0u) { result[workgroup] = vec2f(select(all.x, all.x / all.y, isLast), all.y); }
}
