// dx of batchNorm. In training x moves the batch's mean and variance as well, which takes from dy what lies along them:
// Ioffe, Szegedy (ICML 2015), section 3.
// In front: channel_threads.wgsl and what it needs; const isAffine: whether there is a weight; const isTraining: without
// it sums and products are not read.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> gradients: array<Element>;
@group(0) @binding(2) var<storage, read> means: array<f32>;
@group(0) @binding(3) var<storage, read> variances: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> sums: array<f32>;
@group(0) @binding(6) var<storage, read> products: array<f32>;
@group(0) @binding(7) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let strip = stripOf(i);
  let inverse = inverseSqrt(variances[strip.channel] + uniforms.epsilon);
  var scale = inverse;
  if (isAffine) { scale *= weight[strip.channel]; }
  if (!isTraining) {
    for (var k = strip.first; k < strip.end; k += uniforms.threadsPerPlane) {
      result[k] = finished(scale * gradients[k], k);
    }
    return;
  }
  let mean = means[strip.channel];
  let sum = uniforms.share * sums[strip.channel];
  let product = uniforms.share * products[strip.channel] * inverse;
  for (var k = strip.first; k < strip.end; k += uniforms.threadsPerPlane) {
    result[k] = finished(scale * (gradients[k] - sum - product * (x[k] - mean)), k);
  }
}
