// The gradient of a conv2d of stride 1 by its weight, for CPU adapters, where loads are dear and multiplications nearly
// free. A thread computes one line of the window for eight output channels: the line slides over a row of input pixels
// in registers, and the eight lanes of a subgroup load the gradient of an output channel each and share it.
// In front: enable subgroups (of eight lanes or more); kernelWidth, at most 5; sumsRows, whether the sums of the gradients
// of each output channel are wanted (the bias' gradient), and fn storeRowSum(slice: u32, row: u32, sum: f32), which takes
// them.

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

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> x: array<f32>;
@group(1) @binding(1) var<storage, read> gradient: array<f32>;
@group(1) @binding(2) var<storage, read_write> result: array<f32>;

const rowsAThread = 8u;
const workgroupThreads = 8u;

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

// The sums of four rows, each with the products of its four gradients and the pixels that they meet.
fn addTo(sums: vec4f, pixels: vec4f, a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f {
  var added = fma(vec4f(a.x, b.x, c.x, d.x), pixels.xxxx, sums);
  added = fma(vec4f(a.y, b.y, c.y, d.y), pixels.yyyy, added);
  added = fma(vec4f(a.z, b.z, c.z, d.z), pixels.zzzz, added);
  return fma(vec4f(a.w, b.w, c.w, d.w), pixels.wwww, added);
}

@compute @workgroup_size(workgroupThreads)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let blocks = (uniforms.rows + rowsAThread - 1u) / rowsAThread;
  let lines = uniforms.channels * uniforms.kernelHeight;
  let lineGroups = (lines + workgroupThreads - 1u) / workgroupThreads;
  var index = workgroupIndex(workgroup, workgroups);
  let row = (index % blocks) * rowsAThread;
  index /= blocks;
  let windowLine = (index % lineGroups) * workgroupThreads + local;
  index /= lineGroups;
  let group = index % uniforms.groups;
  let split = index / uniforms.groups;

  let channel = min(windowLine / uniforms.kernelHeight, uniforms.channels - 1u);
  let ky = windowLine % uniforms.kernelHeight;
  let ownRow = min(row + lane % rowsAThread, uniforms.rows - 1u);
  let imagesASplit = (uniforms.images + uniforms.splits - 1u) / uniforms.splits;
  let lastImage = min((split + 1u) * imagesASplit, uniforms.images);

  // For each tap of the line the sums of the upper and the lower four rows.
  var u0 = vec4f(); var u1 = vec4f(); var u2 = vec4f(); var u3 = vec4f(); var u4 = vec4f();
  var l0 = vec4f(); var l1 = vec4f(); var l2 = vec4f(); var l3 = vec4f(); var l4 = vec4f();
  var sums = vec4f(); // of the gradients that this lane loads
  for (var image = split * imagesASplit; image < lastImage; image++) {
    let inputPlane = ((image * uniforms.groups + group) * uniforms.channels + channel) * uniforms.inputHeight;
    let outputPlane = ((image * uniforms.groups + group) * uniforms.rows + ownRow) * uniforms.outputHeight;
    for (var y = 0u; y < uniforms.outputHeight; y++) {
      let inputY = y + ky * uniforms.dilationY - u32(uniforms.paddingTop);
      let inputX = 0u - u32(uniforms.paddingLeft);
      let inputs = Line(
        (inputPlane + inputY) * uniforms.inputWidth + inputX,
        inputX,
        inputY < uniforms.inputHeight,
        uniforms.inputWidth,
      );
      let outputs = Line((outputPlane + y) * uniforms.outputWidth, 0u, true, uniforms.outputWidth);
      var here = fourInputs(inputs, 0u);
      for (var column = 0u; column < uniforms.outputWidth; column += 4u) {
        let next = fourInputs(inputs, column + 4u);
        let own = fourGradients(outputs, column);
        if (sumsRows) { sums += own; }
        let a = subgroupBroadcast(own, 0u);
        let b = subgroupBroadcast(own, 1u);
        let c = subgroupBroadcast(own, 2u);
        let d = subgroupBroadcast(own, 3u);
        let e = subgroupBroadcast(own, 4u);
        let f = subgroupBroadcast(own, 5u);
        let g = subgroupBroadcast(own, 6u);
        let h = subgroupBroadcast(own, 7u);
        u0 = addTo(u0, here, a, b, c, d);
        l0 = addTo(l0, here, e, f, g, h);
        if (kernelWidth > 1u) {
          let pixels = vec4f(here.yzw, next.x);
          u1 = addTo(u1, pixels, a, b, c, d);
          l1 = addTo(l1, pixels, e, f, g, h);
        }
        if (kernelWidth > 2u) {
          let pixels = vec4f(here.zw, next.xy);
          u2 = addTo(u2, pixels, a, b, c, d);
          l2 = addTo(l2, pixels, e, f, g, h);
        }
        if (kernelWidth > 3u) {
          let pixels = vec4f(here.w, next.xyz);
          u3 = addTo(u3, pixels, a, b, c, d);
          l3 = addTo(l3, pixels, e, f, g, h);
        }
        if (kernelWidth > 4u) {
          u4 = addTo(u4, next, a, b, c, d);
          l4 = addTo(l4, next, e, f, g, h);
        }
        here = next;
      }
    }
  }

  if (sumsRows & (windowLine == lane)) {
    storeRowSum(group + split * uniforms.groups, row + lane, (sums.x + sums.y) + (sums.z + sums.w));
  }
  if (windowLine < lines) {
    let place = Place(group + split * uniforms.groups, row, windowLine);
    store(place, 0u, u0, l0);
    if (kernelWidth > 1u) { store(place, 1u, u1, l1); }
    if (kernelWidth > 2u) { store(place, 2u, u2, l2); }
    if (kernelWidth > 3u) { store(place, 3u, u3, l3); }
    if (kernelWidth > 4u) { store(place, 4u, u4, l4); }
  }
}

struct Place {
  slice: u32, // split · groups + group
  row: u32,
  line: u32,
}

fn store(place: Place, tap: u32, upper: vec4f, lower: vec4f) {
  storeOne(place, 0u, tap, upper.x);
  storeOne(place, 1u, tap, upper.y);
  storeOne(place, 2u, tap, upper.z);
  storeOne(place, 3u, tap, upper.w);
  storeOne(place, 4u, tap, lower.x);
  storeOne(place, 5u, tap, lower.y);
  storeOne(place, 6u, tap, lower.z);
  storeOne(place, 7u, tap, lower.w);
}

fn storeOne(place: Place, row: u32, tap: u32, value: f32) {
  if (place.row + row >= uniforms.rows) { return; }
  let lines = uniforms.channels * uniforms.kernelHeight;
  let line = (place.slice * uniforms.rows + place.row + row) * lines + place.line;
  result[line * kernelWidth + tap] = value;
}
