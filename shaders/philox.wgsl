// Philox4x32-10: ten rounds of multiplications and exclusive ors turn a counter and a key into four random words.
// Nothing is carried from one number to the next, so every thread draws its own.
// Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011), section 4.3.

// The upper half of each 64-bit product, by long multiplication with 16-bit digits; no sum in it overflows.
fn multiplyHigh(a: vec2u, b: vec2u) -> vec2u {
  let digit = vec2u(0xffffu);
  let half = vec2u(16u);
  let low = (a & digit) * (b & digit);
  let middle = (a >> half) * (b & digit) + (low >> half);
  let otherMiddle = (a & digit) * (b >> half) + (middle & digit);
  return (a >> half) * (b >> half) + (middle >> half) + (otherMiddle >> half);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  let multipliers = vec2u(0xd2511f53u, 0xcd9e8d57u);
  let keySteps = vec2u(0x9e3779b9u, 0xbb67ae85u);
  var words = counter;
  var roundKey = key;
  for (var round = 0u; round < 10u; round++) {
    let high = multiplyHigh(words.xz, multipliers);
    let low = words.xz * multipliers;
    words = vec4u(high.y ^ words.y ^ roundKey.x, low.y, high.x ^ words.w ^ roundKey.y, low.x);
    roundKey += keySteps;
  }
  return words;
}

// The words for elements 4 · block to 4 · block + 3 of a draw: the seed's two halves, then the draw number's.
fn randomWords(block: u32, draw: vec4u) -> vec4u {
  return philox(vec4u(block, draw.z, draw.w, 0u), draw.xy);
}
