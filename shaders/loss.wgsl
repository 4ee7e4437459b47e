// One number a workgroup: scale · the sum of combine(a, b, 0) over its share of the elements, four at a time. If there
// is more than one, the host folds them in a second pass.
// In front: what team.wgsl needs (teamSize 64); fn combine(a: f32, b: f32, dy: f32) -> f32: the loss of one element.

struct Uniforms {
  count: u32, // elements
  threads: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  var total = vec4f();
  for (var i = workgroup * 64u + local; 4u * i < uniforms.count; i += uniforms.threads) {
    let x = a[i];
    let y = b[i];
    let losses = vec4f(
      combine(x.x, y.x, 0.0),
      combine(x.y, y.y, 0.0),
      combine(x.z, y.z, 0.0),
      combine(x.w, y.w, 0.0),
    );
    // Behind the last element lies whatever the memory held before.
    let exists = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u) < vec4u(uniforms.count);
    total += select(vec4f(), losses, exists);
  }
  let sum = sumOfTeam(total.x + total.y + total.z + total.w, local);
  if (local == 0u) { result[workgroup] = uniforms.scale * sum; }
}
