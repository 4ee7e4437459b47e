// Sparse times dense: result[b, r, f] = the sum of value · dense[b, column, f] over the entries of row r, in their order.
// A thread has one feature (or four neighbouring ones) of a row.
// In front: alias Element (f32 or vec4f); alias Entry; fn columnOf(entry: Entry) -> u32;
// fn valueOf(slot: u32, entry: Entry) -> f32: the value of an entry from its place in the list and what stands there.

struct Uniforms {
  rows: u32,
  columns: u32,
  features: u32, // in Elements
  count: u32,    // of the result's Elements
}

@group(0) @binding(0) var<storage, read> rowPointers: array<u32>;
@group(0) @binding(1) var<storage, read> entries: array<Entry>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> dense: array<Element>;
@group(0) @binding(4) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.count) { return; }
  let line = i / uniforms.features;
  let row = line % uniforms.rows;
  let start = line / uniforms.rows * uniforms.columns * uniforms.features + i % uniforms.features;
  let end = rowPointers[row + 1u];
  var sum = Element();
  for (var slot = rowPointers[row]; slot < end; slot++) {
    let entry = entries[slot];
    sum += valueOf(slot, entry) * dense[start + columnOf(entry) * uniforms.features];
  }
  result[i] = sum;
}
