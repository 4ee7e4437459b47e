// conv2d as a matrix product (implicit GEMM): per group, rows are output channels, columns output pixels of all images,
// and k runs over input channels and the kernel's window.
// In front: conv2d_windows.wgsl and conv2d_bias.wgsl, and what they need; alignedDepth;
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.

@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> result: array<Element>;

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

fn inputs(c0: Corner, c1: Corner, c2: Corner, c3: Corner, k: u32) -> vec4f {
  let tap = tapOf(k);
  let inside = alignedDepth | (k < uniforms.depth);
  return vec4f(
    inputAt(c0, tap, inside),
    inputAt(c1, tap, inside),
    inputAt(c2, tap, inside),
    inputAt(c3, tap, inside),
  );
}

fn blockB(group: u32, k: u32, column: u32) -> mat4x4f {
  let channels = uniforms.depth / window;
  let c0 = corner(group, channels, column);
  let c1 = corner(group, channels, column + 1u);
  let c2 = corner(group, channels, column + 2u);
  let c3 = corner(group, channels, column + 3u);
  return mat4x4f(
    inputs(c0, c1, c2, c3, k),
    inputs(c0, c1, c2, c3, k + 1u),
    inputs(c0, c1, c2, c3, k + 2u),
    inputs(c0, c1, c2, c3, k + 3u),
  );
}

fn storeFour(group: u32, row: u32, column: u32, values: vec4f) {
  let channel = group * uniforms.rows + row;
  storePixel(channel, column, values.x);
  storePixel(channel, column + 1u, values.y);
  storePixel(channel, column + 2u, values.z);
  storePixel(channel, column + 3u, values.w);
}

fn storePixel(channel: u32, column: u32, value: f32) {
  if (column >= uniforms.columns) { return; }
  let plane = uniforms.outputHeight * uniforms.outputWidth;
  let image = quotient(column, plane);
  let channels = uniforms.batches * uniforms.rows;
  let i = (image * channels + channel) * plane + column - image * plane;
  result[i] = finish(Element(value), i);
}
