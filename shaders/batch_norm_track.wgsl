// Moves the running statistics towards those of a batch. PyTorch's running variance is the unbiased one.
// Behind: batch_norm_statistics.wgsl.

@group(0) @binding(3) var<storage, read_write> runningMeans: array<f32>;
@group(0) @binding(4) var<storage, read_write> runningVariances: array<f32>;
@group(0) @binding(5) var<storage, read_write> batchesTracked: array<i32>;

fn track(channel: u32, mean: f32, variance: f32) {
  let count = f32(width * uniforms.elements);
  let unbiased = variance * count / (count - 1.0);
  runningMeans[channel] += uniforms.momentum * (mean - runningMeans[channel]);
  runningVariances[channel] += uniforms.momentum * (unbiased - runningVariances[channel]);
  if (channel == 0u) { batchesTracked[0] += 1; }
}
