// A thread takes a tile of an output channel from its 36 points to 4 × 4 pixels.
// In front: winograd.wgsl, winograd_load.wgsl; fn finish(value: f32, i: u32) -> f32, which element i of the result goes through.

struct Uniforms {
  firstImage: u32,
  channels: u32,
  height: u32,
  width: u32,
  tilesDown: u32,
  tilesAcross: u32,
  tiles: u32,      // of these images
  lineLength: u32, // of a channel's tiles at a point
  pointStride: u32,
  hasBias: u32,
}

@group(0) @binding(0) var<storage, read> points: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let thread = workgroup * 64u + local;
  let channel = quotient(thread, uniforms.tiles);
  if (channel >= uniforms.channels) { return; }
  let tile = thread - channel * uniforms.tiles;
  let start = channel * uniforms.lineLength + tile;
  // Not a loop: it would wait for the loads of each turn, and the lines of points are far from each other.
  let line = 6u * uniforms.pointStride;
  let l0 = leftOf(outputFromPoints(pointsFrom(start)));
  let l1 = leftOf(outputFromPoints(pointsFrom(start + line)));
  let l2 = leftOf(outputFromPoints(pointsFrom(start + 2u * line)));
  let l3 = leftOf(outputFromPoints(pointsFrom(start + 3u * line)));
  let l4 = leftOf(outputFromPoints(pointsFrom(start + 4u * line)));
  let l5 = leftOf(outputFromPoints(pointsFrom(start + 5u * line)));
  let pixels = outputFromPoints(Rows(l0, l1, l2, l3, l4, l5));

  let tileRow = quotient(tile, uniforms.tilesAcross);
  let image = quotient(tileRow, uniforms.tilesDown);
  let x = 4u * (tile - tileRow * uniforms.tilesAcross);
  let y = 4u * (tileRow - image * uniforms.tilesDown);
  let plane = ((uniforms.firstImage + image) * uniforms.channels + channel) * uniforms.height;
  let add = select(0.0, bias[channel], uniforms.hasBias != 0u);
  let end = min(y + 4u, uniforms.height);
  for (var i = 0u; y + i < end; i++) { storeLine((plane + y + i) * uniforms.width, x, rowOf(pixels, i) + add); }
}

fn storeLine(line: u32, x: u32, values: vec4f) {
  let i = line + x;
  result[i] = finish(values.x, i);
  if (x + 1u < uniforms.width) { result[i + 1u] = finish(values.y, i + 1u); }
  if (x + 2u < uniforms.width) { result[i + 2u] = finish(values.z, i + 2u); }
  if (x + 3u < uniforms.width) { result[i + 3u] = finish(values.w, i + 3u); }
}
