// A workgroup adds up the squares of its share of one tensor, four at a time, and puts the sum into its own place among
// those of all tensors.
// In front: what team.wgsl needs (teamSize 64).

struct Uniforms {
  count: u32, // elements
  threads: u32,
  place: u32, // of the tensor's first sum
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

fn main(workgroup: u32, local: u32) {
  var total = vec4f();
  for (var i = workgroup * 64u + local; 4u * i < uniforms.count; i += uniforms.threads) {
    let value = x[i];
    // Behind the last element lies whatever the memory held before.
    let exists = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u) < vec4u(uniforms.count);
    total += select(vec4f(), value * value, exists);
  }
  let sum = sumOfTeam(total.x + total.y + total.z + total.w, local);
  if (local == 0u) { sums[uniforms.place + workgroup] = sum; }
}
