// What several kernels share.

// More than 65,535 workgroups are folded into two dimensions.
fn workgroupIndex(workgroup: vec3u, workgroups: vec3u) -> u32 {
  return workgroup.x + workgroup.y * workgroups.x;
}

// Element i of sizes or strides that the host packed into vectors of four.
fn component(packed: array<vec4u, 2>, i: u32) -> u32 {
  return packed[i / 4u][i % 4u];
}

fn isNaN(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; // compilers take x != x for false
}

// x to the power of exponent; WGSL's own pow knows no negative x.
fn power(x: f32, exponent: f32) -> f32 {
  if (exponent == 0.0) { return 1.0; }
  let magnitude = pow(abs(x), exponent);
  if (x >= 0.0) { return magnitude; }
  if (floor(exponent) != exponent) { return sqrt(x); } // not a number
  return select(magnitude, -magnitude, floor(0.5 * exponent) != 0.5 * exponent);
}

// a / b for whole numbers. CPU adapters have no vector division for integers, but a fast one for floats: the estimate
// is off by one at most while the quotient is below 2^22.
fn quotient(a: u32, b: u32) -> u32 {
  let estimate = u32(f32(a) / f32(b));
  let tooMuch = estimate * b > a;
  let tooLittle = !tooMuch & (a - estimate * b >= b); // & does not branch, as && would
  return estimate - u32(tooMuch) + u32(tooLittle);
}
