// The gradient of conv2d by its weight, as a matrix product with a long sum. Per group, rows are output channels, columns
// input channels and window positions, and k runs over the output pixels of all images.
// In front: conv2d_windows.wgsl and what it needs; alignedPlane (the output plane is a multiple of four pixels).

@group(0) @binding(1) var<storage, read> gradient: array<vec4<Element>>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

// The first element of this output channel's plane, for the image that pixel k belongs to, moved so that k indexes it.
fn planeStart(channel: u32, k: u32) -> u32 {
  let plane = uniforms.outputHeight * uniforms.outputWidth;
  let image = quotient(k, plane);
  return ((image * uniforms.batches * uniforms.rows + channel) - image) * plane;
}

fn gradientAt(channel: u32, k: u32) -> f32 {
  let index = planeStart(channel, k) + k;
  return select(0.0, f32(gradient[index / 4u][index % 4u]), k < uniforms.depth);
}

fn gradients(channel: u32, k: u32) -> vec4f {
  if (alignedPlane) { return vec4f(gradient[(planeStart(channel, k) + k) / 4u]); }
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

fn inputs(group: u32, k: u32, column: u32) -> vec4f {
  let at = corner(group, uniforms.columns / window, k);
  let inside = k < uniforms.depth;
  return vec4f(
    inputAt(at, tapOf(column), inside),
    inputAt(at, tapOf(column + 1u), inside),
    inputAt(at, tapOf(column + 2u), inside),
    inputAt(at, tapOf(column + 3u), inside),
  );
}

fn blockB(group: u32, k: u32, column: u32) -> mat4x4f {
  return mat4x4f(
    inputs(group, k, column),
    inputs(group, k + 1u, column),
    inputs(group, k + 2u, column),
    inputs(group, k + 3u, column),
  );
}

fn startOf(group: u32, row: u32, column: u32) -> mat4x4f {
  return mat4x4f();
}

fn storeFour(slice: u32, row: u32, column: u32, values: vec4f) {
  let i = (slice * uniforms.rows + row) * uniforms.columns + column;
  if (column < uniforms.columns) { result[i] = values.x; }
  if (column + 1u < uniforms.columns) { result[i + 1u] = values.y; }
  if (column + 2u < uniforms.columns) { result[i + 2u] = values.z; }
  if (column + 3u < uniforms.columns) { result[i + 3u] = values.w; }
}
