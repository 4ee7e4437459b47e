// What conv2d and its gradient by the weight share: the sizes, and the input pixels that an output pixel's window meets.
// In front: alias Element; kernelHeight, kernelWidth.

struct Uniforms {
  rows: u32, // of the matrix product; what these, columns and depth run over, the kernel says
  columns: u32,
  depth: u32,
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

@group(0) @binding(0) var<storage, read> x: array<Element>;

const window = kernelHeight * kernelWidth;

// Where an output pixel's window begins: the image's first element in this group, and the corner (maybe in the padding).
struct Corner {
  image: u32,
  y: i32,
  x: i32,
}

// Of a pixel, counted over all images, in a group of so many input channels.
fn corner(group: u32, channels: u32, pixel: u32) -> Corner {
  let line = quotient(pixel, uniforms.outputWidth);
  let image = quotient(line, uniforms.outputHeight);
  let y = line - image * uniforms.outputHeight;
  let x = pixel - line * uniforms.outputWidth;
  return Corner(
    (image * uniforms.batches + group) * channels * uniforms.inputHeight * uniforms.inputWidth,
    i32(y * uniforms.strideY) - i32(uniforms.paddingTop),
    i32(x * uniforms.strideX) - i32(uniforms.paddingLeft),
  );
}

// An element of the window, counted over input channels and positions: its channel, and its place from the corner.
struct Tap {
  channel: u32,
  dy: u32,
  dx: u32,
}

fn tapOf(index: u32) -> Tap {
  let position = index % window;
  return Tap(
    index / window,
    (position / kernelWidth) * uniforms.dilationY,
    (position % kernelWidth) * uniforms.dilationX,
  );
}

// What the window meets there; zero unless `exists`.
fn inputAt(at: Corner, tap: Tap, exists: bool) -> f32 {
  let y = u32(at.y + i32(tap.dy)); // a negative one becomes too large a one
  let x_ = u32(at.x + i32(tap.dx));
  let index = at.image + (tap.channel * uniforms.inputHeight + y) * uniforms.inputWidth + x_;
  // & and not &&, which would branch sixteen times a block.
  return select(0.0, f32(x[index]), exists & (y < uniforms.inputHeight) & (x_ < uniforms.inputWidth));
}
