// A thread takes the gradient of a window from its 36 points to 3 × 3 weights, and adds it to what earlier images gave.
// In front: winograd.wgsl, winograd_load.wgsl.

struct Uniforms {
  windows: u32,
  pointStride: u32,
  lines: u32, // of points: 6
  isFirst: u32, // nothing was added up yet
}

@group(0) @binding(0) var<storage, read> points: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let thread = workgroup * 64u + local;
  if (thread >= uniforms.windows) { return; }
  var across = Rows();
  for (var i = 0u; i < uniforms.lines; i++) {
    let weights = leftOf(weightGradientFromPoints(pointsFrom(thread + 6u * i * uniforms.pointStride)));
    across = withRow(across, i, weights);
  }
  let weights = weightGradientFromPoints(across);
  storeLine(9u * thread, weights.r0);
  storeLine(9u * thread + 3u, weights.r1);
  storeLine(9u * thread + 6u, weights.r2);
}

fn storeLine(start: u32, values: vec4f) {
  add(start, values.x);
  add(start + 1u, values.y);
  add(start + 2u, values.z);
}

fn add(i: u32, value: f32) {
  result[i] = select(result[i], 0.0, uniforms.isFirst != 0u) + value;
}
