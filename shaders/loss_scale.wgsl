// After the backward pass of a loss that was scaled: from the sums of squares of all gradients to their norm without the
// scale; to the factor that takes the scale away and makes the norm at most `most`; to whether the step is skipped, which
// it is where a gradient is not finite; and to the next scale. One workgroup.
// In front: norm_limit.wgsl and what it needs.

struct Uniforms {
  count: u32, // of sums
  most: f32,
  growth: f32,
  backoff: f32,
  interval: f32,
}

@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read_write> goodSteps: array<f32>; // in a row, since the scale grew
@group(0) @binding(3) var<storage, read_write> norm: array<f32>;
@group(0) @binding(4) var<storage, read_write> factor: array<f32>;
@group(0) @binding(5) var<storage, read_write> skip: array<f32>;

fn main(workgroup: u32, local: u32) {
  let scaled = normOfAll(local);
  if (local == 0u) {
    let before = scale[0];
    let total = scaled / before;
    norm[0] = total;
    factor[0] = limitingFactor(total) / before;
    let isFinite = (bitcast<u32>(scaled) & 0x7f800000u) != 0x7f800000u;
    let good = select(0.0, goodSteps[0] + 1.0, isFinite);
    let grows = good >= uniforms.interval;
    // Neither the scale nor its inverse becomes infinite.
    scale[0] = clamp(before * select(select(1.0, uniforms.growth, grows), uniforms.backoff, !isFinite), 1e-30, 1e30);
    goodSteps[0] = select(good, 0.0, grows);
    skip[0] = select(1.0, 0.0, isFinite);
  }
}
