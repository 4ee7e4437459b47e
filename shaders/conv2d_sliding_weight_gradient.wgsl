// The gradient of a conv2d of stride 1 by its weight, for CPU adapters, where loads are dear and multiplications nearly
// free. A thread computes a line of the window, or two of them, for eight or sixteen output channels: the line slides over
// a row of input pixels in registers, and the eight lanes of a subgroup load the gradient of an output channel or two each
// and share it.
// In front: enable subgroups (of eight lanes or more); kernelWidth, at most 5; tall (sixteen channels, else eight); paired
// (two lines, else one); sumsRows, whether the sums of the gradients of each output channel are wanted (the bias'
// gradient), and fn storeRowSum(slice: u32, row: u32, sum: f32), which takes them; conv2d_line.wgsl.

struct Uniforms {
  rows: u32,     // output channels of a group
  channels: u32, // input channels of a group
  groups: u32,
  images: u32,
  inputHeight: u32,
  inputWidth: u32,
  outputHeight: u32,
  outputWidth: u32,
  kernelHeight: u32,
  dilationY: u32,
  paddingTop: i32,
  paddingLeft: i32,
  splits: u32, // parts of the images, whose sums are added up in a second pass
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

const lanes = 8u; // of a workgroup
const rowsAThread = select(lanes, 2u * lanes, tall);
const linesAWorkgroup = select(lanes, 2u * lanes, paired);

// Four neighbours from `start` on, of which those from `column` on are in a row of so many pixels.
struct Line {
  start: u32,
  column: u32,
  inside: bool,
  width: u32,
}

fn fourInputs(line: Line, i: u32) -> vec4f {
  let columns = vec4u(i, i + 1u, i + 2u, i + 3u) + line.column; // left of the row, they are huge numbers
  let at = line.start + i;
  let values = vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
  return select(vec4f(), values, (columns < vec4u(line.width)) & vec4<bool>(line.inside));
}

fn fourGradients(line: Line, i: u32) -> vec4f {
  let columns = vec4u(i, i + 1u, i + 2u, i + 3u);
  let at = line.start + i;
  let values = vec4f(gradient[at], gradient[at + 1u], gradient[at + 2u], gradient[at + 3u]);
  return select(vec4f(), values, columns < vec4u(line.width));
}

// For each tap of a line the sums of four output channels.
struct Sums {
  tap0: vec4f,
  tap1: vec4f,
  tap2: vec4f,
  tap3: vec4f,
  tap4: vec4f,
}

fn add(sums: Sums, pixels: Met, gradients: mat4x4f) -> Sums {
  var added = Sums();
  added.tap0 = sums.tap0 + pixels.tap0 * gradients;
  if (kernelWidth > 1u) { added.tap1 = sums.tap1 + pixels.tap1 * gradients; }
  if (kernelWidth > 2u) { added.tap2 = sums.tap2 + pixels.tap2 * gradients; }
  if (kernelWidth > 3u) { added.tap3 = sums.tap3 + pixels.tap3 * gradients; }
  if (kernelWidth > 4u) { added.tap4 = sums.tap4 + pixels.tap4 * gradients; }
  return added;
}

// Those that four lanes have loaded, a column each.
fn gradientsOf(own: vec4f, lane: u32) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(own, lane),
    subgroupShuffle(own, lane + 1u),
    subgroupShuffle(own, lane + 2u),
    subgroupShuffle(own, lane + 3u),
  );
}

// A line of the window: the input channel that it belongs to, and which one there.
struct WindowLine {
  index: u32,
  channel: u32,
  ky: u32,
}

fn windowLineOf(index: u32) -> WindowLine {
  return WindowLine(index, min(index / uniforms.kernelHeight, uniforms.channels - 1u), index % uniforms.kernelHeight);
}

// The input pixels that a line of the window meets in a row of the output, counted over all images of a group.
fn inputsOf(line: WindowLine, image: u32, y: u32) -> Line {
  let inputY = y + line.ky * uniforms.dilationY - u32(uniforms.paddingTop);
  let inputX = 0u - u32(uniforms.paddingLeft);
  let row = (image * uniforms.channels + line.channel) * uniforms.inputHeight + inputY;
  return Line(row * uniforms.inputWidth + inputX, inputX, inputY < uniforms.inputHeight, uniforms.inputWidth);
}

fn outputsOf(row: u32, image: u32, y: u32) -> Line {
  let channel = image * uniforms.rows + min(row, uniforms.rows - 1u);
  return Line((channel * uniforms.outputHeight + y) * uniforms.outputWidth, 0u, true, uniforms.outputWidth);
}

@compute @workgroup_size(lanes)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let blocks = (uniforms.rows + rowsAThread - 1u) / rowsAThread;
  let lines = uniforms.channels * uniforms.kernelHeight;
  let lineGroups = (lines + linesAWorkgroup - 1u) / linesAWorkgroup;
  var index = workgroupIndex(workgroup, workgroups);
  let row = (index % blocks) * rowsAThread;
  index /= blocks;
  let line = windowLineOf((index % lineGroups) * linesAWorkgroup + local);
  let other = windowLineOf(line.index + lanes);
  index /= lineGroups;
  let group = index % uniforms.groups;
  let split = index / uniforms.groups;

  let ownRow = row + lane % lanes;
  let imagesASplit = (uniforms.images + uniforms.splits - 1u) / uniforms.splits;
  let lastImage = min((split + 1u) * imagesASplit, uniforms.images);

  // Of the first line for rows 0 to 3, 4 to 7, …, and of the other one.
  var a0 = Sums(); var a1 = Sums(); var a2 = Sums(); var a3 = Sums();
  var b0 = Sums(); var b1 = Sums(); var b2 = Sums(); var b3 = Sums();
  var upperSums = vec4f(); // of the gradients that this lane loads
  var lowerSums = vec4f();
  for (var image = split * imagesASplit; image < lastImage; image++) {
    let slice = image * uniforms.groups + group;
    for (var y = 0u; y < uniforms.outputHeight; y++) {
      let inputs = inputsOf(line, slice, y);
      let otherInputs = inputsOf(other, slice, y);
      let outputs = outputsOf(ownRow, slice, y);
      let lowerOutputs = outputsOf(ownRow + lanes, slice, y);
      var here = fourInputs(inputs, 0u);
      var otherHere = vec4f();
      if (paired) { otherHere = fourInputs(otherInputs, 0u); }
      for (var column = 0u; column < uniforms.outputWidth; column += 4u) {
        let next = fourInputs(inputs, column + 4u);
        let pixels = met(here, next);
        here = next;
        var otherPixels = Met();
        if (paired) {
          let otherNext = fourInputs(otherInputs, column + 4u);
          otherPixels = met(otherHere, otherNext);
          otherHere = otherNext;
        }
        let upper = fourGradients(outputs, column);
        let g0 = gradientsOf(upper, 0u);
        let g1 = gradientsOf(upper, 4u);
        a0 = add(a0, pixels, g0);
        a1 = add(a1, pixels, g1);
        if (paired) {
          b0 = add(b0, otherPixels, g0);
          b1 = add(b1, otherPixels, g1);
        }
        if (sumsRows) { upperSums += upper; }
        if (tall) {
          let lower = fourGradients(lowerOutputs, column);
          let g2 = gradientsOf(lower, 0u);
          let g3 = gradientsOf(lower, 4u);
          a2 = add(a2, pixels, g2);
          a3 = add(a3, pixels, g3);
          if (paired) {
            b2 = add(b2, otherPixels, g2);
            b3 = add(b3, otherPixels, g3);
          }
          if (sumsRows) { lowerSums += lower; }
        }
      }
    }
  }

  let slice = group + split * uniforms.groups;
  if (sumsRows & (line.index == local)) {
    storeRowSum(slice, ownRow, (upperSums.x + upperSums.y) + (upperSums.z + upperSums.w));
    if (tall) { storeRowSum(slice, ownRow + lanes, (lowerSums.x + lowerSums.y) + (lowerSums.z + lowerSums.w)); }
  }
  // A loop, and not a copy for each row: stores are long code, and long code is what compiling takes long for.
  for (var i = 0u; (i < rowsAThread) & (row + i < uniforms.rows); i++) {
    store(slice, row + i, line.index, tapsOf(i, a0, a1, a2, a3));
    if (paired) { store(slice, row + i, other.index, tapsOf(i, b0, b1, b2, b3)); }
  }
}

// The sums of one output channel.
struct Taps {
  tap0: f32,
  tap1: f32,
  tap2: f32,
  tap3: f32,
  tap4: f32,
}

fn tapsOf(i: u32, s0: Sums, s1: Sums, s2: Sums, s3: Sums) -> Taps {
  return Taps(
    ofRow(i, s0.tap0, s1.tap0, s2.tap0, s3.tap0),
    ofRow(i, s0.tap1, s1.tap1, s2.tap1, s3.tap1),
    ofRow(i, s0.tap2, s1.tap2, s2.tap2, s3.tap2),
    ofRow(i, s0.tap3, s1.tap3, s2.tap3, s3.tap3),
    ofRow(i, s0.tap4, s1.tap4, s2.tap4, s3.tap4),
  );
}

// One of the rows that lie in vectors of four; chosen as in of_eight.wgsl.
fn ofRow(i: u32, v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f) -> f32 {
  var four = select(v0, v1, i % 8u >= 4u);
  if (tall) { four = select(four, select(v2, v3, i % 8u >= 4u), i >= 8u); }
  let two = select(four.xy, four.zw, i % 4u >= 2u);
  return select(two.x, two.y, i % 2u == 1u);
}

// A line of the window for an output channel.
fn store(slice: u32, row: u32, line: u32, taps: Taps) {
  let lines = uniforms.channels * uniforms.kernelHeight;
  if (line >= lines) { return; }
  let at = ((slice * uniforms.rows + row) * lines + line) * kernelWidth;
  result[at] = taps.tap0;
  if (kernelWidth > 1u) { result[at + 1u] = taps.tap1; }
  if (kernelWidth > 2u) { result[at + 2u] = taps.tap2; }
  if (kernelWidth > 3u) { result[at + 3u] = taps.tap3; }
  if (kernelWidth > 4u) { result[at + 4u] = taps.tap4; }
}
