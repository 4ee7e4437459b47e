// dvalues of sparse times dense: for every entry the scalar product of dy's row and the dense operand's, at the entry's
// row and column. A team has an entry to itself; its members take turns.
// In front: what team.wgsl needs; alias Element (f32 or vec4f); fn product(a: Element, b: Element) -> f32.

struct Uniforms {
  entries: u32,
  features: u32, // in Elements
}

@group(0) @binding(0) var<storage, read> rowIndices: array<u32>;
@group(0) @binding(1) var<storage, read> columnIndices: array<u32>;
@group(0) @binding(2) var<storage, read> gradients: array<Element>;
@group(0) @binding(3) var<storage, read> dense: array<Element>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let entry = workgroup * (64u / teamSize) + local / teamSize;
  let member = local % teamSize;
  let row = rowIndices[entry] * uniforms.features;
  let column = columnIndices[entry] * uniforms.features;
  // A team that has no entry comes to the barriers like the others.
  let features = select(0u, uniforms.features, entry < uniforms.entries);
  var sum = 0.0;
  for (var f = member; f < features; f += teamSize) {
    sum += product(gradients[row + f], dense[column + f]);
  }
  sum = sumOfTeam(sum, local);
  if (member == 0u && entry < uniforms.entries) { result[entry] = sum; }
}
