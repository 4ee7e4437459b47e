// A thread adds up the sums of a channel's tiles, and adds them to what earlier images gave.

struct Uniforms {
  channels: u32,
  tiles: u32,
  first: u32,   // where the sums begin
  isFirst: u32, // nothing was added up yet
}

@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let channel = workgroup * 64u + local;
  if (channel >= uniforms.channels) { return; }
  let start = uniforms.first + channel * uniforms.tiles;
  var sum = select(result[channel], 0.0, uniforms.isFirst != 0u);
  for (var tile = 0u; tile < uniforms.tiles; tile += 4u) {
    let i = start + tile;
    sum += (sums[i] + sums[i + 1u]) + (sums[i + 2u] + sums[i + 3u]);
  }
  result[channel] = sum;
}
