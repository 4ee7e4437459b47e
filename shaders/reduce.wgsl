// Folds the reduced axes of x: result[o, p] = scale · fold of x[o, r] over r = p, p + parts, p + 2 · parts, …
// With parts > 1 the host folds the parts in a second pass, so that few outputs still keep many threads busy and
// the order of additions never depends on timing. Neighbouring threads read neighbouring elements.
// In front: alias Input, alias Element (of the result and of all between), fn fold(a: Element, b: Element) -> Element,
// fn first(x: Element) -> Element (what a fold starts with, from one of its elements), const keptRank, const reducedRank;
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.

struct Uniforms {
  keptSizes: array<vec4u, 2>,
  keptStrides: array<vec4u, 2>,
  reducedSizes: array<vec4u, 2>,
  reducedStrides: array<vec4u, 2>,
  outputs: u32,
  reduced: u32,
  parts: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Input>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;

fn keptOffset(index: u32) -> u32 {
  var rest = index;
  var offset = 0u;
  for (var left = keptRank; left > 0u; left--) {
    let size = component(uniforms.keptSizes, left - 1u);
    offset += (rest % size) * component(uniforms.keptStrides, left - 1u);
    rest /= size;
  }
  return offset;
}

fn reducedOffset(index: u32) -> u32 {
  if (reducedRank == 1u) { return index * uniforms.reducedStrides[0].x; }
  var rest = index;
  var offset = 0u;
  for (var left = reducedRank; left > 0u; left--) {
    let size = component(uniforms.reducedSizes, left - 1u);
    offset += (rest % size) * component(uniforms.reducedStrides, left - 1u);
    rest /= size;
  }
  return offset;
}

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.outputs * uniforms.parts) { return; }
  let base = keptOffset(i / uniforms.parts);
  let step = uniforms.parts;
  var r = i % uniforms.parts;
  // Four running folds: shorter chains of additions, and fewer turns of the loop.
  let start = first(Element(x[base + reducedOffset(r)]));
  var fold0 = start;
  var fold1 = start;
  var fold2 = start;
  var fold3 = start;
  for (; r + 3u * step < uniforms.reduced; r += 4u * step) {
    fold0 = fold(fold0, Element(x[base + reducedOffset(r)]));
    fold1 = fold(fold1, Element(x[base + reducedOffset(r + step)]));
    fold2 = fold(fold2, Element(x[base + reducedOffset(r + 2u * step)]));
    fold3 = fold(fold3, Element(x[base + reducedOffset(r + 3u * step)]));
  }
  for (; r < uniforms.reduced; r += step) {
    fold0 = fold(fold0, Element(x[base + reducedOffset(r)]));
  }
  result[i] = finish(fold(fold(fold0, fold1), fold(fold2, fold3)) * Element(uniforms.scale), i);
}
