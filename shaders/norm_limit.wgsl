// From the sums of squares of all gradients to the norm of all, in a workgroup of 64 threads, and to the factor that makes
// a norm at most `most`. In front: what team.wgsl needs (teamSize 64). Behind: struct Uniforms with count, of sums, and most.

@group(0) @binding(0) var<storage, read> sums: array<f32>;

fn normOfAll(local: u32) -> f32 {
  var own = 0.0;
  for (var i = local; i < uniforms.count; i += 64u) { own += sums[i]; }
  return sqrt(sumOfTeam(own, local));
}

// Not a number for a norm that is none.
fn limitingFactor(norm: f32) -> f32 {
  let almost = norm + 1e-6; // keeps the division finite
  return select(uniforms.most / almost, 1.0, almost < uniforms.most);
}
