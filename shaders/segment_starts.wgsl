// Where in sorted pairs the keys from 0 on begin: result[key] is the first place whose key is not less, found by halving.

struct Uniforms {
  keys: u32, // and one more: where the last one ends
  pairs: u32,
}

@group(0) @binding(0) var<storage, read> pairs: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

fn main(workgroup: u32, local: u32) {
  let key = workgroup * 64u + local;
  if (key > uniforms.keys) { return; }
  var low = 0u;
  var high = uniforms.pairs;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (pairs[middle].x < key) { low = middle + 1u; } else { high = middle; }
  }
  result[key] = low;
}
