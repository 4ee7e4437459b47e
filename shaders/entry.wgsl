// Where most kernels are entered: their main() is told in which workgroup of 64 threads it is, and which thread of it.
// Behind: fn main(workgroup: u32, local: u32).

@compute @workgroup_size(64)
fn entry(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  main(workgroupIndex(workgroup, workgroups), local);
}
