// A thread takes a tile of a channel to its 36 points: 6 × 6 input pixels, or the gradients of 4 × 4 outputs, and these
// to their sum, too, in place of a 37th point: the bias' gradient is made of it.
// In front: ofGradients; winograd.wgsl, winograd_store.wgsl.

struct Uniforms {
  firstImage: u32,
  images: u32,
  channels: u32,
  height: u32,
  width: u32,
  tilesDown: u32,
  tilesAcross: u32,
  tiles: u32, // of these images, and as many empty ones as make it a multiple of four
  paddingTop: i32,
  paddingLeft: i32,
  pointStride: u32,
  lines: u32,      // of points: 6
  pixelLines: u32, // as many, or 4 of gradients
  tilesAreLines: u32, // of the result at a point, which are as long as there are channels; else the other way round
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

// Six pixels, or four, from `start` on, the first of them in this column, of a row that is in the plane if it is `inside`.
fn pixelsFrom(start: u32, first: u32, inside: bool) -> Rows {
  let columns = vec4u(0u, 1u, 2u, 3u) + first; // left of the row, they are huge numbers
  let isThere = (columns < vec4u(uniforms.width)) & vec4<bool>(inside);
  let left = select(vec4f(), vec4f(x[start], x[start + 1u], x[start + 2u], x[start + 3u]), isThere);
  if (ofGradients) { return column(left, vec2f()); }
  let isThereToo = (vec2u(first + 4u, first + 5u) < vec2u(uniforms.width)) & vec2<bool>(inside);
  return column(left, select(vec2f(), vec2f(x[start + 4u], x[start + 5u]), isThereToo));
}

fn atPoints(rows: Rows) -> Rows {
  if (ofGradients) { return gradientAtPoints(rows); }
  return inputAtPoints(rows);
}

fn main(workgroup: u32, local: u32) {
  let thread = workgroup * 64u + local;
  let isLine = uniforms.tilesAreLines != 0u;
  let length = select(uniforms.tiles, uniforms.channels, isLine);
  let line = quotient(thread, length);
  let place = thread - line * length;
  let tile = select(place, line, isLine);
  let channel = select(line, place, isLine);
  if ((channel >= uniforms.channels) | (tile >= uniforms.tiles)) { return; }
  let tileRow = quotient(tile, uniforms.tilesAcross);
  let image = quotient(tileRow, uniforms.tilesDown);
  let inputX = 4u * (tile - tileRow * uniforms.tilesAcross) - u32(uniforms.paddingLeft);
  let inputY = 4u * (tileRow - image * uniforms.tilesDown) - u32(uniforms.paddingTop);
  let plane = ((uniforms.firstImage + image) * uniforms.channels + channel) * uniforms.height;
  let isThere = image < uniforms.images;

  var left = Rows();
  var right = Rows();
  var sums = vec4f();
  for (var i = 0u; i < uniforms.pixelLines; i++) {
    let y = inputY + i;
    let pixels = pixelsFrom((plane + y) * uniforms.width + inputX, inputX, isThere & (y < uniforms.height));
    let across = atPoints(pixels);
    left = withRow(left, i, leftOf(across));
    right = withRow(right, i, rightOf(across));
    if (ofGradients) { sums += leftOf(pixels); }
  }
  storePoints(thread, atPoints(left), atPoints(right));
  if (ofGradients) { result[thread + 36u * uniforms.pointStride] = (sums.x + sums.y) + (sums.z + sums.w); }
}
