// The gradient of conv2d by its weight, as a matrix product with a long sum. Per group, rows are output channels, columns
// input channels and window positions, and k runs over the output pixels of all images.
// In front: kernelHeight, kernelWidth, alignedPlane (the output plane is a multiple of four pixels).

struct Uniforms {
  rows: u32,    // output channels of a group
  columns: u32, // input channels of a group · kernel height · kernel width
  depth: u32,   // images · output height · output width
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
@group(1) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> result: array<f32>;

const window = kernelHeight * kernelWidth;

// The first element of this output channel's plane, for the image that pixel k belongs to, moved so that k indexes it.
fn planeStart(channel: u32, k: u32) -> u32 {
  let plane = uniforms.outputHeight * uniforms.outputWidth;
  let image = quotient(k, plane);
  return ((image * uniforms.batches * uniforms.rows + channel) - image) * plane;
}

fn gradientAt(channel: u32, k: u32) -> f32 {
  let index = planeStart(channel, k) + k;
  return select(0.0, gradient[index / 4u][index % 4u], k < uniforms.depth);
}

fn gradients(channel: u32, k: u32) -> vec4f {
  if (alignedPlane) { return gradient[(planeStart(channel, k) + k) / 4u]; }
  return vec4f(
    gradientAt(channel, k),
    gradientAt(channel, k + 1u),
    gradientAt(channel, k + 2u),
    gradientAt(channel, k + 3u),
  );
}

fn rowOfA(group: u32, row: u32, k: u32) -> vec4f {
  return gradients(group * uniforms.rows + row, k);
}

fn blockA(group: u32, row: u32, k: u32) -> mat4x4f {
  let channel = group * uniforms.rows + row;
  return mat4x4f(
    gradients(channel, k),
    gradients(channel + 1u, k),
    gradients(channel + 2u, k),
    gradients(channel + 3u, k),
  );
}

// Where output pixel k's window begins, and whether there is such a pixel.
struct Corner {
  image: u32,
  y: i32,
  x: i32,
  inside: bool,
}

fn corner(group: u32, k: u32) -> Corner {
  let line = quotient(k, uniforms.outputWidth);
  let image = quotient(line, uniforms.outputHeight);
  let channels = uniforms.columns / window;
  let y = line - image * uniforms.outputHeight;
  let x = k - line * uniforms.outputWidth;
  return Corner(
    (image * uniforms.batches + group) * channels * uniforms.inputHeight * uniforms.inputWidth,
    i32(y * uniforms.strideY) - i32(uniforms.paddingTop),
    i32(x * uniforms.strideX) - i32(uniforms.paddingLeft),
    k < uniforms.depth,
  );
}

fn inputAt(at: Corner, column: u32) -> f32 {
  let channel = column / window;
  let rest = column % window;
  let y = u32(at.y + i32((rest / kernelWidth) * uniforms.dilationY)); // a negative one becomes too large a one
  let x_ = u32(at.x + i32((rest % kernelWidth) * uniforms.dilationX));
  let index = at.image + (channel * uniforms.inputHeight + y) * uniforms.inputWidth + x_;
  // & and not &&, which would branch sixteen times a block.
  return select(0.0, x[index], at.inside & (y < uniforms.inputHeight) & (x_ < uniforms.inputWidth));
}

fn inputs(at: Corner, column: u32) -> vec4f {
  return vec4f(inputAt(at, column), inputAt(at, column + 1u), inputAt(at, column + 2u), inputAt(at, column + 3u));
}

fn blockB(group: u32, k: u32, column: u32) -> mat4x4f {
  return mat4x4f(
    inputs(corner(group, k), column),
    inputs(corner(group, k + 1u), column),
    inputs(corner(group, k + 2u), column),
    inputs(corner(group, k + 3u), column),
  );
}

fn store(slice: u32, row: u32, column: u32, block: mat4x4f) {
  storeRow(slice, row, column, block[0]);
  storeRow(slice, row + 1u, column, block[1]);
  storeRow(slice, row + 2u, column, block[2]);
  storeRow(slice, row + 3u, column, block[3]);
}

fn storeRow(slice: u32, row: u32, column: u32, values: vec4f) {
  if (row >= uniforms.rows || column >= uniforms.columns) { return; }
  let start = (slice * uniforms.rows + row) * uniforms.columns + column;
  result[start] = values.x;
  if (column + 1u < uniforms.columns) { result[start + 1u] = values.y; }
  if (column + 2u < uniforms.columns) { result[start + 2u] = values.z; }
  if (column + 3u < uniforms.columns) { result[start + 3u] = values.w; }
}
