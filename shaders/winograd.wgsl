// Winograd's way to convolve with a window of 3 × 3: tiles of 4 × 4 outputs and the 6 × 6 inputs that they meet are
// polynomials, and these are multiplied by their values at six points (0, ±√½, ±√2, ∞) along each axis: 36
// multiplications in place of 144. Of points with simple formulas these lose the least precision: about one bit of what
// direct sums keep.
// See Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016.
// Here are the transforms of a column; columns lie in the components of vectors, of which some may be unused. Most
// kernels have loops over the lines of points: loads and stores are long code, and long code is what compiling takes long
// for. How often such a loop runs is a uniform, so that no compiler unrolls it.

const rootOfHalf = 0.70710678;
const rootOfTwo = 1.41421356;

// From top to bottom; where there are fewer, the last ones are unused.
struct Rows {
  r0: vec4f,
  r1: vec4f,
  r2: vec4f,
  r3: vec4f,
  r4: vec4f,
  r5: vec4f,
}

fn rowOf(rows: Rows, i: u32) -> vec4f {
  let low = select(select(rows.r0, rows.r1, i == 1u), rows.r2, i == 2u);
  let high = select(select(rows.r3, rows.r4, i == 4u), rows.r5, i == 5u);
  return select(low, high, i >= 3u);
}

fn withRow(rows: Rows, i: u32, row: vec4f) -> Rows {
  return Rows(
    select(rows.r0, row, i == 0u),
    select(rows.r1, row, i == 1u),
    select(rows.r2, row, i == 2u),
    select(rows.r3, row, i == 3u),
    select(rows.r4, row, i == 4u),
    select(rows.r5, row, i == 5u),
  );
}

// Six numbers, or the first ones of them, as a column.
fn column(left: vec4f, right: vec2f) -> Rows {
  return Rows(
    vec4f(left.x),
    vec4f(left.y),
    vec4f(left.z),
    vec4f(left.w),
    vec4f(right.x),
    vec4f(right.y),
  );
}

fn leftOf(column: Rows) -> vec4f {
  return vec4f(column.r0.x, column.r1.x, column.r2.x, column.r3.x);
}

fn rightOf(column: Rows) -> vec4f {
  return vec4f(column.r4.x, column.r5.x, 0.0, 0.0);
}

// Six inputs.
fn inputAtPoints(x: Rows) -> Rows {
  let even = x.r4 - 2.0 * x.r2;
  let odd = rootOfHalf * (x.r3 - 2.0 * x.r1);
  let evenBeyond = x.r4 - 0.5 * x.r2;
  let oddBeyond = rootOfTwo * (x.r3 - 0.5 * x.r1);
  return Rows(
    x.r0 - 2.5 * x.r2 + x.r4,
    even + odd,
    even - odd,
    evenBeyond + oddBeyond,
    evenBeyond - oddBeyond,
    x.r1 - 2.5 * x.r3 + x.r5,
  );
}

// Three weights.
fn weightsAtPoints(w: Rows) -> Rows {
  let even = (w.r0 + 0.5 * w.r2) * (-2.0 / 3.0);
  let odd = w.r1 * (-2.0 / 3.0 * rootOfHalf);
  let evenBeyond = (w.r0 + 2.0 * w.r2) * (1.0 / 6.0);
  let oddBeyond = w.r1 * (rootOfTwo / 6.0);
  return Rows(w.r0, even + odd, even - odd, evenBeyond + oddBeyond, evenBeyond - oddBeyond, w.r2);
}

// To four outputs.
fn outputFromPoints(m: Rows) -> Rows {
  let sum = m.r1 + m.r2;
  let difference = rootOfHalf * (m.r1 - m.r2);
  let sumBeyond = m.r3 + m.r4;
  let differenceBeyond = rootOfTwo * (m.r3 - m.r4);
  return Rows(
    m.r0 + sum + sumBeyond,
    difference + differenceBeyond,
    0.5 * sum + 2.0 * sumBeyond,
    0.5 * difference + 2.0 * differenceBeyond + m.r5,
    vec4f(),
    vec4f(),
  );
}

// The gradients of four outputs, to those of what they were made of.
fn gradientAtPoints(y: Rows) -> Rows {
  let even = y.r0 + 0.5 * y.r2;
  let odd = rootOfHalf * (y.r1 + 0.5 * y.r3);
  let evenBeyond = y.r0 + 2.0 * y.r2;
  let oddBeyond = rootOfTwo * (y.r1 + 2.0 * y.r3);
  return Rows(y.r0, even + odd, even - odd, evenBeyond + oddBeyond, evenBeyond - oddBeyond, y.r3);
}

// To the gradients of three weights.
fn weightGradientFromPoints(m: Rows) -> Rows {
  let sum = m.r1 + m.r2;
  let difference = m.r1 - m.r2;
  let sumBeyond = m.r3 + m.r4;
  let differenceBeyond = m.r3 - m.r4;
  return Rows(
    m.r0 - (2.0 / 3.0) * sum + (1.0 / 6.0) * sumBeyond,
    (-2.0 / 3.0 * rootOfHalf) * difference + (rootOfTwo / 6.0) * differenceBeyond,
    (-1.0 / 3.0) * sum + (1.0 / 3.0) * sumBeyond + m.r5,
    vec4f(),
    vec4f(),
    vec4f(),
  );
}
