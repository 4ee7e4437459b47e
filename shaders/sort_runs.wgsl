// Bitonic sort of pairs in workgroup memory: every workgroup has 1024 of them and goes through the part of the network
// in which no pair leaves it. After the pass for a run, all runs of that length are sorted, up and down in turns.
// Batcher: Sorting networks and their applications (AFIPS 1968).
// In front: what sort_order.wgsl needs.

struct Uniforms {
  firstRun: u32,
  lastRun: u32,
}

@group(0) @binding(0) var<storage, read_write> pairs: array<vec2u>;

var<workgroup> slots: array<vec2u, 1024>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let base = workgroupIndex(workgroup, workgroups) * 1024u;
  for (var slot = local; slot < 1024u; slot += 256u) { slots[slot] = pairs[base + slot]; }
  for (var run = uniforms.firstRun; run <= uniforms.lastRun; run *= 2u) {
    for (var apart = min(run / 2u, 512u); apart > 0u; apart /= 2u) {
      workgroupBarrier();
      for (var i = local; i < 512u; i += 256u) {
        let low = lowerOf(i, apart);
        let a = slots[low];
        let b = slots[low + apart];
        if (isAfter(a, b) == isAscending(base + low, run)) {
          slots[low] = b;
          slots[low + apart] = a;
        }
      }
    }
  }
  workgroupBarrier();
  for (var slot = local; slot < 1024u; slot += 256u) { pairs[base + slot] = slots[slot]; }
}
