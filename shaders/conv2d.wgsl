// conv2d as a matrix product (implicit GEMM): per group, rows are output channels, columns output pixels of all images,
// and k runs over input channels and the kernel's window.
// In front: kernelHeight, kernelWidth, alignedDepth, hasBias, fn activate(x: vec4f) -> vec4f.

struct Uniforms {
  rows: u32,    // output channels of a group
  columns: u32, // images · output height · output width
  depth: u32,   // input channels of a group · kernel height · kernel width
  batches: u32, // groups
  splits: u32,
  depthPerSplit: u32,
  inputHeight: u32,
  inputWidth: u32,
  outputHeight: u32,
  outputWidth: u32,
  strideY: u32,
  strideX: u32,
  paddingTop: u32,
  paddingLeft: u32,
  dilationY: u32,
  dilationX: u32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> x: array<f32>;
@group(1) @binding(1) var<storage, read> weight: array<vec4f>;
@group(1) @binding(2) var<storage, read> bias: array<f32>;
@group(1) @binding(3) var<storage, read_write> result: array<f32>;

const window = kernelHeight * kernelWidth;

fn weights(channel: u32, k: u32) -> vec4f {
  let start = channel * uniforms.depth + k;
  if (alignedDepth) { return weight[start / 4u]; }
  let values = vec4f(
    weight[start / 4u][start % 4u],
    weight[(start + 1u) / 4u][(start + 1u) % 4u],
    weight[(start + 2u) / 4u][(start + 2u) % 4u],
    weight[(start + 3u) / 4u][(start + 3u) % 4u],
  );
  return select(vec4f(), values, vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(uniforms.depth));
}

fn rowOfA(group: u32, row: u32, k: u32) -> vec4f {
  return weights(group * uniforms.rows + row, k);
}

fn blockA(group: u32, row: u32, k: u32) -> mat4x4f {
  let channel = group * uniforms.rows + row;
  return mat4x4f(weights(channel, k), weights(channel + 1u, k), weights(channel + 2u, k), weights(channel + 3u, k));
}

// Where an output pixel's window begins: the image's first element in this group, and the corner (maybe in the padding).
struct Corner {
  image: u32,
  y: i32,
  x: i32,
}

fn corner(group: u32, pixel: u32) -> Corner {
  let line = quotient(pixel, uniforms.outputWidth);
  let image = quotient(line, uniforms.outputHeight);
  let channels = uniforms.depth / window;
  let y = line - image * uniforms.outputHeight;
  let x = pixel - line * uniforms.outputWidth;
  return Corner(
    (image * uniforms.batches + group) * channels * uniforms.inputHeight * uniforms.inputWidth,
    i32(y * uniforms.strideY) - i32(uniforms.paddingTop),
    i32(x * uniforms.strideX) - i32(uniforms.paddingLeft),
  );
}

fn inputAt(at: Corner, channel: u32, dy: u32, dx: u32, inside: bool) -> f32 {
  let y = u32(at.y + i32(dy)); // a negative one becomes too large a one
  let x_ = u32(at.x + i32(dx));
  let index = at.image + (channel * uniforms.inputHeight + y) * uniforms.inputWidth + x_;
  // & and not &&, which would branch sixteen times a block.
  return select(0.0, x[index], inside & (y < uniforms.inputHeight) & (x_ < uniforms.inputWidth));
}

fn inputs(c0: Corner, c1: Corner, c2: Corner, c3: Corner, k: u32) -> vec4f {
  let channel = k / window;
  let rest = k % window;
  let dy = (rest / kernelWidth) * uniforms.dilationY;
  let dx = (rest % kernelWidth) * uniforms.dilationX;
  let inside = alignedDepth | (k < uniforms.depth);
  return vec4f(
    inputAt(c0, channel, dy, dx, inside),
    inputAt(c1, channel, dy, dx, inside),
    inputAt(c2, channel, dy, dx, inside),
    inputAt(c3, channel, dy, dx, inside),
  );
}

fn blockB(group: u32, k: u32, column: u32) -> mat4x4f {
  let c0 = corner(group, column);
  let c1 = corner(group, column + 1u);
  let c2 = corner(group, column + 2u);
  let c3 = corner(group, column + 3u);
  return mat4x4f(
    inputs(c0, c1, c2, c3, k),
    inputs(c0, c1, c2, c3, k + 1u),
    inputs(c0, c1, c2, c3, k + 2u),
    inputs(c0, c1, c2, c3, k + 3u),
  );
}

fn store(group: u32, row: u32, column: u32, block: mat4x4f) {
  storeRow(group, row, column, block[0]);
  storeRow(group, row + 1u, column, block[1]);
  storeRow(group, row + 2u, column, block[2]);
  storeRow(group, row + 3u, column, block[3]);
}

fn storeRow(group: u32, row: u32, column: u32, values: vec4f) {
  if (row >= uniforms.rows) { return; }
  let channel = group * uniforms.rows + row;
  var add = 0.0;
  if (hasBias) { add = bias[channel]; }
  let outputs = activate(values + add);
  storePixel(channel, column, outputs.x);
  storePixel(channel, column + 1u, outputs.y);
  storePixel(channel, column + 2u, outputs.z);
  storePixel(channel, column + 3u, outputs.w);
}

fn storePixel(channel: u32, column: u32, value: f32) {
  if (column >= uniforms.columns) { return; }
  let plane = uniforms.outputHeight * uniforms.outputWidth;
  let image = quotient(column, plane);
  let channels = uniforms.batches * uniforms.rows;
  result[(image * channels + channel) * plane + column - image * plane] = value;
}
