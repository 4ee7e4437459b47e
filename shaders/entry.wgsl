// Where most kernels are entered: main() of 64 threads is told which workgroup it is in, and which thread of it it is. More
// than 65,535 workgroups are folded into two dimensions.
// Behind: fn main(workgroup: u32, local: u32).

@compute @workgroup_size(64)
fn entry(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  main(workgroup.x + workgroup.y * workgroups.x, local);
}
