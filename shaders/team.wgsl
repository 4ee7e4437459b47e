// A team: one thread, or the 64 of a workgroup, that add up or compare what each of them has. All threads of a
// workgroup must come here together.
// In front: teamSize, 1 or 64.

var<workgroup> slots: array<f32, 64>;

fn sumOfTeam(own: f32, local: u32) -> f32 {
  if (teamSize == 1u) { return own; }
  slots[local] = own;
  for (var apart = 32u; apart > 0u; apart /= 2u) {
    workgroupBarrier();
    if (local < apart) { slots[local] += slots[local + apart]; }
  }
  return workgroupUniformLoad(&slots[0]);
}

fn maximumOfTeam(own: f32, local: u32) -> f32 {
  if (teamSize == 1u) { return own; }
  slots[local] = own;
  for (var apart = 32u; apart > 0u; apart /= 2u) {
    workgroupBarrier();
    if (local < apart) { slots[local] = max(slots[local], slots[local + apart]); }
  }
  return workgroupUniformLoad(&slots[0]);
}
