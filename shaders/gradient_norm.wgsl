// From the sums of squares of all gradients to the norm of all, and to the factor that makes it at most `most`; one
// workgroup.
// In front: what team.wgsl needs (teamSize 64).

struct Uniforms {
  count: u32, // of sums
  most: f32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> sums: array<f32>;
@group(1) @binding(1) var<storage, read_write> norm: array<f32>;
@group(1) @binding(2) var<storage, read_write> factor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var own = 0.0;
  for (var i = local; i < uniforms.count; i += 64u) { own += sums[i]; }
  let total = sqrt(sumOfTeam(own, local));
  if (local == 0u) {
    let almost = total + 1e-6; // keeps the division finite
    norm[0] = total;
    factor[0] = select(uniforms.most / almost, 1.0, almost < uniforms.most); // not a number for a norm that is none
  }
}
