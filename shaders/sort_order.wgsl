// What both kernels of the bitonic sort share. `apart` and `run` are powers of two.

// The first of the two places that comparison i of a step compares; the other one is `apart` behind it.
fn lowerOf(i: u32, apart: u32) -> u32 {
  return 2u * i - (i & (apart - 1u));
}

// Every other run is sorted downwards, so that two neighbours make one sequence that rises and falls.
fn isAscending(place: u32, run: u32) -> bool {
  return (place & run) == 0u;
}

// By the first number, then the second.
fn isAfter(a: vec2u, b: vec2u) -> bool {
  return a.x > b.x || (a.x == b.x && a.y > b.y);
}
