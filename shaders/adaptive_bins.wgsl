// Bins of adaptiveAvgPool2d along an axis. Turned around, the same rule says which bins have an element.

struct Bin {
  first: u32,
  end: u32,
}

// Bin i of `count` over `size` elements.
fn binOf(i: u32, size: u32, count: u32) -> Bin {
  return Bin(quotient(i * size, count), quotient((i + 1u) * size + count - 1u, count));
}
