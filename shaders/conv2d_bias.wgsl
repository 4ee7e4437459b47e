// What the sums of a convolution begin with: the bias of each channel of a group, if there is one.
// In front: hasBias (if not, something else is bound in its place). Behind: struct Uniforms with rows, of a group.

@group(0) @binding(2) var<storage, read> bias: array<f32>;

fn startOf(group: u32, row: u32, column: u32) -> mat4x4f {
  if (!hasBias) { return mat4x4f(); }
  let channel = group * uniforms.rows + row;
  return mat4x4f(
    vec4f(bias[channel]),
    vec4f(bias[channel + 1u]),
    vec4f(bias[channel + 2u]),
    vec4f(bias[channel + 3u]),
  );
}
