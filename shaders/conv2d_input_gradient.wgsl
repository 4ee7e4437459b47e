// The gradient of conv2d by its input, as a matrix product. With a stride, the input pixels fall into phases: those of one
// phase meet the same few positions of the kernel's window, and a dispatch computes one phase. Nothing is multiplied with
// inserted zeros. Per group, rows are input channels, columns the phase's pixels of all images, and k runs over output
// channels and the phase's window positions. It is the forward pass of convTranspose2d as well, which adds a bias.
// In front: conv2d_bias.wgsl and what it needs; alias Element; kernelHeight, kernelWidth;
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.

struct Uniforms {
  rows: u32,    // input channels of a group
  columns: u32, // images · phase height · phase width
  depth: u32,   // output channels of a group · window positions
  batches: u32, // groups
  splits: u32,
  depthPerSplit: u32,
  inputHeight: u32,
  inputWidth: u32,
  outputHeight: u32,
  outputWidth: u32,
  strideY: u32, // the phase's pixels are (phaseY + strideY · i, phaseX + strideX · j)
  strideX: u32,
  phaseY: u32,
  phaseX: u32,
  phaseHeight: u32,
  phaseWidth: u32,
  firstY: u32,  // its window positions are firstY, firstY + stepY, … (positionsY of them)
  firstX: u32,
  stepY: u32,
  stepX: u32,
  positionsY: u32,
  positionsX: u32,
  meetY: i32,   // pixel i meets window position number p in output pixel i + meetY - p · jumpY
  meetX: i32,
  jumpY: u32,
  jumpX: u32,
}

@group(0) @binding(0) var<storage, read> gradient: array<Element>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<Element>;

const window = kernelHeight * kernelWidth;

// k as an output channel of the group and the number of a window position.
struct Term {
  channel: u32,
  y: u32,
  x: u32,
  inside: bool,
}

fn term(k: u32) -> Term {
  let line = quotient(k, uniforms.positionsX);
  let channel = quotient(line, uniforms.positionsY);
  return Term(channel, line - channel * uniforms.positionsY, k - line * uniforms.positionsX, k < uniforms.depth);
}

fn weightAt(group: u32, row: u32, at: Term) -> f32 {
  let output = group * (uniforms.depth / (uniforms.positionsY * uniforms.positionsX)) + at.channel;
  let y = uniforms.firstY + at.y * uniforms.stepY;
  let x = uniforms.firstX + at.x * uniforms.stepX;
  let index = (output * uniforms.rows + row) * window + y * kernelWidth + x;
  return select(0.0, weight[index], at.inside);
}

fn weights(group: u32, row: u32, t0: Term, t1: Term, t2: Term, t3: Term) -> vec4f {
  return vec4f(weightAt(group, row, t0), weightAt(group, row, t1), weightAt(group, row, t2), weightAt(group, row, t3));
}

fn rowOfA(group: u32, row: u32, k: u32) -> vec4f {
  return weights(group, row, term(k), term(k + 1u), term(k + 2u), term(k + 3u));
}

fn blockA(group: u32, row: u32, k: u32) -> mat4x4f {
  let t0 = term(k);
  let t1 = term(k + 1u);
  let t2 = term(k + 2u);
  let t3 = term(k + 3u);
  return mat4x4f(
    weights(group, row, t0, t1, t2, t3),
    weights(group, row + 1u, t0, t1, t2, t3),
    weights(group, row + 2u, t0, t1, t2, t3),
    weights(group, row + 3u, t0, t1, t2, t3),
  );
}

// A column as an image and a pixel of the phase.
struct Pixel {
  image: u32,
  y: u32,
  x: u32,
}

fn pixel(column: u32) -> Pixel {
  let line = quotient(column, uniforms.phaseWidth);
  let image = quotient(line, uniforms.phaseHeight);
  return Pixel(image, line - image * uniforms.phaseHeight, column - line * uniforms.phaseWidth);
}

// The gradient at the output pixel whose window has this input pixel at this position.
fn gradientAt(group: u32, at: Pixel, k: Term) -> f32 {
  let y = u32(i32(at.y) + uniforms.meetY - i32(k.y * uniforms.jumpY)); // a negative one becomes too large a one
  let x = u32(i32(at.x) + uniforms.meetX - i32(k.x * uniforms.jumpX));
  let channels = uniforms.depth / (uniforms.positionsY * uniforms.positionsX);
  let plane = (at.image * uniforms.batches + group) * channels + k.channel;
  let index = (plane * uniforms.outputHeight + y) * uniforms.outputWidth + x;
  // & and not &&, which would branch sixteen times a block.
  return select(0.0, f32(gradient[index]), k.inside & (y < uniforms.outputHeight) & (x < uniforms.outputWidth));
}

fn gradients(group: u32, p0: Pixel, p1: Pixel, p2: Pixel, p3: Pixel, k: u32) -> vec4f {
  let at = term(k);
  return vec4f(gradientAt(group, p0, at), gradientAt(group, p1, at), gradientAt(group, p2, at), gradientAt(group, p3, at));
}

fn blockB(group: u32, k: u32, column: u32) -> mat4x4f {
  let p0 = pixel(column);
  let p1 = pixel(column + 1u);
  let p2 = pixel(column + 2u);
  let p3 = pixel(column + 3u);
  return mat4x4f(
    gradients(group, p0, p1, p2, p3, k),
    gradients(group, p0, p1, p2, p3, k + 1u),
    gradients(group, p0, p1, p2, p3, k + 2u),
    gradients(group, p0, p1, p2, p3, k + 3u),
  );
}

fn storeFour(group: u32, row: u32, column: u32, values: vec4f) {
  storePixel(group, row, column, values.x);
  storePixel(group, row, column + 1u, values.y);
  storePixel(group, row, column + 2u, values.z);
  storePixel(group, row, column + 3u, values.w);
}

fn storePixel(group: u32, row: u32, column: u32, value: f32) {
  if (column >= uniforms.columns) { return; }
  let at = pixel(column);
  let plane = (at.image * uniforms.batches + group) * uniforms.rows + row;
  let y = uniforms.phaseY + at.y * uniforms.strideY;
  let x = uniforms.phaseX + at.x * uniforms.strideX;
  let i = (plane * uniforms.inputHeight + y) * uniforms.inputWidth + x;
  result[i] = finish(Element(value), i);
}
