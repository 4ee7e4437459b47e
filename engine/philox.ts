/**
 * What a random draw is, and Philox4x32-10 on the host, with whole numbers that cannot overflow: the reference for
 * the kernels that draw (`shaders/philox.wgsl`, which names the source).
 */

/** Names random numbers for good: the same seed and draw number give the same ones, whenever they are asked for. */
export interface Draw {
  readonly seed: number;
  readonly draw: number;
}

/** A draw as kernels take it: the lower and upper 32 bits of the seed, and of the draw number. */
export function drawWords({ seed, draw }: Draw): [number, number, number, number] {
  return [seed % 2 ** 32, Math.floor(seed / 2 ** 32), draw % 2 ** 32, Math.floor(draw / 2 ** 32)];
}

const multipliers = [0xd2511f53n, 0xcd9e8d57n] as const;
const keySteps = [0x9e3779b9n, 0xbb67ae85n] as const;
const word = 0xffffffffn;

/** @param counter four words @param key two words @returns four words */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let words = counter.map(BigInt);
  let [key0, key1] = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const product0 = words[0] * multipliers[0];
    const product1 = words[2] * multipliers[1];
    words = [
      (product1 >> 32n) ^ words[1] ^ key0,
      product1 & word,
      (product0 >> 32n) ^ words[3] ^ key1,
      product0 & word,
    ];
    key0 = (key0 + keySteps[0]) & word;
    key1 = (key1 + keySteps[1]) & word;
  }
  return words.map(Number);
}

/** The first `count` words of a draw; word i is what element i of a tensor is made of. */
export function randomWords(draw: Draw, count: number): number[] {
  const [seedLow, seedHigh, drawLow, drawHigh] = drawWords(draw);
  const words: number[] = [];
  for (let block = 0; words.length < count; block++)
    words.push(...philox([block, drawLow, drawHigh, 0], [seedLow, seedHigh]));
  return words.slice(0, count);
}
