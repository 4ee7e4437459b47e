// Mean and (biased) variance of each channel from the moments of its parts: Chan, Golub, LeVeque, "Updating formulae and a
// pairwise algorithm for computing sample variances" (1979).
// In front: what rows.wgsl needs, a row being the parts of a channel; const width, as for channel_parts.wgsl;
// fn track(channel: u32, mean: f32, variance: f32), which hears of the results.

struct Uniforms {
  length: u32, // parts of a channel
  inner: u32,  // 1
  rows: u32,   // channels
  elements: u32, // of a channel
  momentum: f32,
}

@group(0) @binding(0) var<storage, read> moments: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> means: array<f32>;
@group(0) @binding(2) var<storage, read_write> variances: array<f32>;

// How many numbers a part has.
fn weightOf(part: u32) -> f32 {
  return f32(width * ((uniforms.elements - part + uniforms.length - 1u) / uniforms.length));
}

fn main(workgroup: u32, local: u32) {
  let row = rowOf(workgroup, local);
  let origin = moments[row.start].x;
  let count = f32(width * uniforms.elements);
  var differences = 0.0;
  for (var part = row.member; part < row.length; part += teamSize) {
    differences += weightOf(part) * (moments[row.start + part].x - origin);
  }
  let mean = origin + sumOfTeam(differences, local) / count;
  var squares = 0.0;
  for (var part = row.member; part < row.length; part += teamSize) {
    let own = moments[row.start + part];
    squares += own.y + weightOf(part) * (own.x - mean) * (own.x - mean);
  }
  let variance = sumOfTeam(squares, local) / count;
  if (row.member != 0u || row.index >= uniforms.rows) { return; }
  means[row.index] = mean;
  variances[row.index] = variance;
  track(row.index, mean, variance);
}
