// From the sums of squares of all gradients to the norm of all, and to the factor that makes it at most `most`; one
// workgroup.
// In front: norm_limit.wgsl and what it needs.

struct Uniforms {
  count: u32, // of sums
  most: f32,
}

@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> factor: array<f32>;

fn main(workgroup: u32, local: u32) {
  let total = normOfAll(local);
  if (local == 0u) {
    norm[0] = total;
    factor[0] = limitingFactor(total);
  }
}
