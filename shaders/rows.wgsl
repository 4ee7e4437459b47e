// A row: the `length` elements along one axis, `inner` apart. A team has one to itself; its members take turns.
// In front: what team.wgsl needs. Behind: struct Uniforms with length, inner and rows.

struct Row {
  index: u32,
  start: u32,  // of the row in the tensor
  length: u32, // 0 for a team that has none, but must come to the barriers like the others
  member: u32, // which one of its team this thread is: it takes element member, member + teamSize, …
}

fn rowOf(workgroup: u32, local: u32) -> Row {
  return rowAt(workgroup * (64u / teamSize) + local / teamSize, local % teamSize);
}

fn rowAt(index: u32, member: u32) -> Row {
  let start = index / uniforms.inner * uniforms.length * uniforms.inner + index % uniforms.inner;
  return Row(index, start, select(0u, uniforms.length, index < uniforms.rows), member);
}
