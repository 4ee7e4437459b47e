// One of eight vectors by its number. Chosen by a tree of selections: CPU adapters keep an array that is read by a number
// in memory, lane by lane.
fn ofEight(i: u32, v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f, v4: vec4f, v5: vec4f, v6: vec4f, v7: vec4f) -> vec4f {
  let isOdd = i % 2u == 1u;
  let upper = select(select(v0, v1, isOdd), select(v2, v3, isOdd), i % 4u >= 2u);
  let lower = select(select(v4, v5, isOdd), select(v6, v7, isOdd), i % 4u >= 2u);
  return select(upper, lower, i % 8u >= 4u);
}
