// What the losses of classes share: the weight of a class, 1 where there are no weights.
// In front: isWeighted (if not, something else is bound in the place of classWeights).
// Behind: var classWeights: array<f32>.

fn weightOf(label: u32) -> f32 {
  if (isWeighted) { return classWeights[label]; }
  return 1.0;
}

// NaN, which WGSL cannot write as a constant: the loss where the class is none of the row.
fn notANumber(label: u32) -> f32 {
  return bitcast<f32>(label | 0x7fc00000u);
}
