// A tensor [N, C, …] seen as N · C planes, and the elements of a channel (all of its planes) shared out to parts: a part
// has element k, k + parts, …, so that neighbouring threads read neighbouring elements.
// In front: alias Element, f32 or (where the size of a plane allows it) vec4f; const width: how many numbers that is;
// fn total(x: Element) -> f32: their sum.

struct Uniforms {
  channels: u32,
  inner: u32,    // elements of a plane
  elements: u32, // of a channel
  parts: u32,    // of a channel
  epsilon: f32,
}

struct Part {
  channel: u32,
  first: u32, // its first element
}

fn partOf(thread: u32) -> Part {
  // Where a plane is one element, it is the channels that lie side by side.
  if (uniforms.inner == 1u) { return Part(thread % uniforms.channels, thread / uniforms.channels); }
  return Part(thread / uniforms.parts, thread % uniforms.parts);
}

// Where in the tensor element k of a channel lies.
fn elementIndex(channel: u32, k: u32) -> u32 {
  let image = quotient(k, uniforms.inner);
  return (image * (uniforms.channels - 1u) + channel) * uniforms.inner + k;
}
