import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DecodedImage, decodeImage } from "../data/image.ts";
import { DataError } from "../engine/errors.ts";
import { plainJpeg, pngFile, refusal } from "./data-helpers.ts";

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`./fixtures/images/${name}`, import.meta.url)));

const pixelAt = ({ width, channels, pixels }: DecodedImage, x: number, y: number) =>
  Array.from(pixels.subarray((y * width + x) * channels, (y * width + x + 1) * channels));

/** The middles of the four quarters, from the upper left to the lower right. */
const quarters = (image: DecodedImage) =>
  [0.25, 0.75].flatMap((y) =>
    [0.25, 0.75].map((x) => pixelAt(image, Math.floor(x * image.width), Math.floor(y * image.height))),
  );

/** Each value within `tolerance` of what is expected. */
function near(
  found: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  tolerance = 4,
) {
  assert.equal(
    found.map((values, i) =>
      values.map((v, k) => (Math.abs(v - expected[i]![k]!) <= tolerance ? expected[i]![k] : v)),
    ),
    expected,
  );
}

const red = [220, 30, 30];
const green = [30, 200, 40];
const blue = [40, 50, 210];
const white = [240, 240, 240];

test("progressive, subsampled and grey JPEG", () => {
  for (const name of ["progressive.jpg", "subsampled.jpg"]) {
    const image = decodeImage(fixture(name), name);
    assert.equal([image.width, image.height, image.channels, image.pixels.length], [32, 16, 3, 1536]);
    near(quarters(image), [red, green, blue, white]);
  }
  const grey = decodeImage(fixture("grey.jpg"), "grey.jpg");
  assert.equal([grey.width, grey.height, grey.channels, grey.pixels.length], [32, 16, 1, 512]);
  near(quarters(grey), [[112], [173], [77], [240]]);
});

test("JPEG with restart markers whose last interval is not full", () => {
  const grey = decodeImage(fixture("grey-restarts.jpg"), "grey-restarts.jpg");
  assert.equal([grey.width, grey.height, grey.channels, grey.pixels.length], [32, 16, 1, 512]);
  near(quarters(grey), [[87], [130], [65], [240]]); // 0.299 red + 0.587 green + 0.114 blue
  const colour = decodeImage(fixture("progressive-restarts.jpg"), "progressive-restarts.jpg");
  assert.equal([colour.width, colour.height, colour.channels, colour.pixels.length], [32, 16, 3, 1536]);
  near(quarters(colour), [red, green, blue, white], 10);
});

test("CMYK JPEG as printing programs write it: red, green, blue and white can be told", () => {
  const image = decodeImage(fixture("cmyk.jpg"), "cmyk.jpg");
  assert.is(image.channels, 3);
  near(quarters(image), [red, green, blue, white], 90);
});

/** With a segment right behind the JPEG's first marker. */
function withSegment(jpeg: Uint8Array, marker: number, content: readonly number[]): Uint8Array {
  const length = content.length + 2;
  return Uint8Array.of(0xff, 0xd8, 0xff, marker, length >> 8, length & 255, ...content, ...jpeg.subarray(2));
}

const codes = (words: string) => Array.from(words, (character) => character.charCodeAt(0));

/** EXIF data with nothing but the orientation. */
function exif(orientation: number, littleEndian: boolean): number[] {
  const short = (value: number) => (littleEndian ? [value, 0] : [0, value]);
  const long = (value: number) => (littleEndian ? [value, 0, 0, 0] : [0, 0, 0, value]);
  const directory = [...short(1), ...short(0x12), ...short(3), ...long(1), ...short(orientation), 0, 0];
  // The tag is 0x0112.
  if (littleEndian) directory.splice(2, 2, 0x12, 0x01);
  else directory.splice(2, 2, 0x01, 0x12);
  return [...codes("Exif\0\0"), ...codes(littleEndian ? "II" : "MM"), ...short(42), ...long(8), ...directory];
}

test("a photograph is turned as its EXIF data say", () => {
  // Where the corners' quarters go: upper left, upper right, lower left, lower right.
  const expected: Record<number, number[][]> = {
    1: [red, green, blue, white],
    2: [green, red, white, blue],
    3: [white, blue, green, red],
    4: [blue, white, red, green],
    5: [red, blue, green, white],
    6: [blue, red, white, green],
    7: [white, green, blue, red],
    8: [green, white, red, blue],
    9: [red, green, blue, white],
  };
  for (const [orientation, colours] of Object.entries(expected)) {
    for (const littleEndian of [true, false]) {
      const bytes = withSegment(fixture("progressive.jpg"), 0xe1, exif(Number(orientation), littleEndian));
      const image = decodeImage(bytes, "turned.jpg");
      const upright = Number(orientation) < 5 || Number(orientation) > 8;
      assert.equal([image.width, image.height], upright ? [32, 16] : [16, 32], orientation);
      near(quarters(image), colours);
    }
  }
  // EXIF data that are cut off, or point outside, leave it as it is.
  for (const content of [
    exif(6, true).slice(0, 20),
    exif(6, true).slice(0, 8),
    codes("Exif\0\0MM\0*\xff\xff\xff\xff"),
  ]) {
    near(quarters(decodeImage(withSegment(fixture("progressive.jpg"), 0xe1, content), "x")), expected[1]!);
  }
});

test("a JPEG that says that it stores red, green and blue is believed", () => {
  const stored = withSegment(plainJpeg(16, 16, [200, 100, 50]), 0xee, [
    ...codes("Adobe"),
    0,
    100,
    0,
    0,
    0,
    0,
    0,
  ]);
  const [found] = quarters(decodeImage(stored, "rgb.jpg"));
  // Its values are brightness and colour differences, shown here as if they were red, green and blue.
  near([found!], [[124, 86, 182]]);
});

const size = { width: 3, height: 2 };

test("PNG of all kinds of pixels", () => {
  const cases: [what: string, bytes: Uint8Array, channels: number, pixels: number[]][] = [
    [
      "grey, 8 bits",
      pngFile({ ...size, depth: 8, colourType: 0 }, [
        [0, 100, 255],
        [1, 2, 3],
      ]),
      1,
      [0, 100, 255, 1, 2, 3],
    ],
    [
      "colour, 8 bits",
      pngFile({ width: 2, height: 1, depth: 8, colourType: 2 }, [[1, 2, 3, 250, 251, 252]]),
      3,
      [1, 2, 3, 250, 251, 252],
    ],
    [
      "grey, 16 bits",
      pngFile({ width: 3, height: 1, depth: 16, colourType: 0 }, [[0xff, 0xff, 0x80, 0x80, 0x00, 0x81]]),
      1,
      [255, 128, 1],
    ],
    [
      "grey, 1 bit",
      pngFile({ ...size, depth: 1, colourType: 0 }, [[0b01000000], [0b10100000]]),
      1,
      [0, 255, 0, 255, 0, 255],
    ],
    [
      "grey, 2 bits",
      pngFile({ width: 5, height: 1, depth: 2, colourType: 0 }, [[0b00011011, 0b11000000]]),
      1,
      [0, 85, 170, 255, 255],
    ],
    [
      "grey, 4 bits",
      pngFile({ ...size, depth: 4, colourType: 0 }, [
        [0x0f, 0x10],
        [0x89, 0xa0],
      ]),
      1,
      [0, 255, 17, 136, 153, 170],
    ],
    [
      "palette, 2 bits, one colour half transparent",
      pngFile({ width: 3, height: 1, depth: 2, colourType: 3 }, [[0b00011000]], {
        PLTE: [10, 20, 30, 200, 100, 0, 0, 0, 0],
        tRNS: [255, 255, 102],
      }),
      3,
      [10, 20, 30, 200, 100, 0, 153, 153, 153],
    ],
    [
      "colour, with a palette only suggested to screens of few colours",
      pngFile({ width: 2, height: 1, depth: 8, colourType: 2 }, [[1, 0, 1, 0, 1, 0]], {
        PLTE: [10, 20, 30, 200, 100, 0],
      }),
      3,
      [1, 0, 1, 0, 1, 0],
    ],
    [
      "colour with opacity, and a suggested palette",
      pngFile({ width: 2, height: 1, depth: 8, colourType: 6 }, [[1, 0, 1, 255, 1, 0, 1, 0]], {
        PLTE: [10, 20, 30, 200, 100, 0],
      }),
      3,
      [1, 0, 1, 255, 255, 255],
    ],
    [
      "one colour of three that counts as transparent, and a suggested palette",
      pngFile({ width: 3, height: 1, depth: 8, colourType: 2 }, [[1, 2, 3, 1, 2, 4, 5, 5, 5]], {
        PLTE: [10, 20, 30, 200, 100, 0],
        tRNS: [0, 1, 0, 2, 0, 3],
      }),
      3,
      [255, 255, 255, 1, 2, 4, 5, 5, 5],
    ],
    [
      "grey with opacity: black ink on nothing",
      pngFile({ width: 3, height: 1, depth: 8, colourType: 4 }, [[0, 255, 0, 0, 0, 51]]),
      1,
      [0, 255, 204],
    ],
    [
      "colour with opacity, 16 bits",
      pngFile({ width: 2, height: 1, depth: 16, colourType: 6 }, [
        [0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 9, 9, 9, 9, 9, 9, 0, 0],
      ]),
      3,
      [255, 0, 0, 255, 255, 255],
    ],
    [
      "one colour that counts as transparent",
      pngFile({ width: 3, height: 1, depth: 8, colourType: 2 }, [[1, 2, 3, 1, 2, 4, 5, 5, 5]], {
        tRNS: [0, 1, 0, 2, 0, 3],
      }),
      3,
      [255, 255, 255, 1, 2, 4, 5, 5, 5],
    ],
    [
      "one grey of 4 bits that counts as transparent",
      pngFile({ width: 2, height: 1, depth: 4, colourType: 0 }, [[0x34]], { tRNS: [0, 3] }),
      1,
      [255, 68],
    ],
    [
      "beside chunks that do not make the picture: a broken colour profile, words in no known letters",
      pngFile({ width: 1, height: 1, depth: 8, colourType: 0 }, [[77]], { iCCP: [65, 0, 0, 9], tEXt: [0] }),
      1,
      [77],
    ],
    [
      "interlaced: the first of seven passes has the one pixel",
      pngFile({ width: 1, height: 1, depth: 8, colourType: 0, interlaced: true }, [[77]]),
      1,
      [77],
    ],
    ["1×1", pngFile({ width: 1, height: 1, depth: 8, colourType: 2 }, [[7, 8, 9]]), 3, [7, 8, 9]],
  ];
  for (const [what, bytes, channels, pixels] of cases) {
    const image = decodeImage(bytes, "picture.png");
    assert.equal([image.channels, Array.from(image.pixels)], [channels, pixels], what);
  }
});

test("the content decides, not the name", () => {
  assert.is(
    decodeImage(pngFile({ width: 1, height: 1, depth: 8, colourType: 0 }, [[1]]), "n01.JPEG").channels,
    1,
  );
});

/** With the size in the JPEG's frame header replaced. */
function jpegOfSize(width: number, height: number, marker = 0xc0): Uint8Array {
  const bytes = plainJpeg(16, 16, [1, 2, 3]);
  const frame = bytes.findIndex((byte, place) => byte === 0xff && bytes[place + 1] === 0xc0);
  bytes.set([0xff, marker, 0, 17, 8, height >> 8, height & 255, width >> 8, width & 255], frame);
  return bytes;
}

const photograph = fixture("progressive.jpg");
const png = pngFile(
  { width: 40, height: 40, depth: 8, colourType: 0 },
  new Array(40).fill(new Array(40).fill(3)),
);
const indexedHeader = { width: 1, height: 1, depth: 8, colourType: 3 };
const indexed = pngFile(indexedHeader, [[0]], { PLTE: [1, 2, 3], tRNS: [9] });
const badChecksum = png.map((byte, place) => (place === 30 ? byte ^ 1 : byte));

/** With a chunk of a PNG repeated behind itself. */
function withTwice(bytes: Uint8Array, chunk: string): Uint8Array {
  const start = Buffer.from(bytes).indexOf(chunk) - 4;
  const end = start + 12 + new DataView(bytes.buffer).getUint32(start);
  return Uint8Array.of(...bytes.subarray(0, end), ...bytes.subarray(start));
}

const refused: [what: string, bytes: Uint8Array, words: RegExp][] = [
  ["an empty file", new Uint8Array(0), /the file is empty, expected a JPEG or PNG picture/],
  ["text", new Uint8Array(codes("not a photograph\n")), /this is text, expected a JPEG or PNG/],
  ["a web page", new Uint8Array(codes("<!DOCTYPE html>")), /an HTML page/],
  ["GIF", new Uint8Array(codes("GIF89a\x01\x00")), /a GIF picture/],
  ["WebP", new Uint8Array(codes("RIFF\0\0\0\0WEBPVP8 ")), /a WebP picture/],
  ["HEIC", new Uint8Array(codes("\0\0\0\x18ftypheic\0\0")), /a HEIC or AVIF picture/],
  ["anything", Uint8Array.of(1, 2, 3, 4, 5), /no picture that is known here \(first bytes 01 02 03 04\)/],
  ["half a JPEG", photograph.subarray(0, 400), /the JPEG data is cut off/],
  [
    "a JPEG without its last bytes",
    photograph.subarray(0, photograph.length - 9),
    /the JPEG data is cut off/,
  ],
  [
    "a JPEG with restart markers that jpeg-js cannot place",
    fixture("subsampled-restarts.jpg"),
    /a JPEG with restart markers in a way that is not read here, or damaged \(.*\)\n {2}help: save it again without/,
  ],
  ["a JPEG's first bytes", photograph.subarray(0, 4), /cut off within its header/],
  ["a JPEG up to its size", photograph.subarray(0, 158), /JPEG (file|data) is cut off/],
  ["a JPEG with nothing in it", Uint8Array.of(0xff, 0xd8, 0xff, 0xd9, 0, 0), /no header of an image/],
  ["a huge JPEG", jpegOfSize(65500, 65500), /announces 65500×65500 pixels; expected .* at most 50 million/],
  ["a JPEG without a height", jpegOfSize(16, 0), /announces 16×0 pixels/],
  ["lossless JPEG", jpegOfSize(16, 16, 0xc3), /lossless JPEG, expected baseline or progressive/],
  ["arithmetic JPEG", jpegOfSize(16, 16, 0xc9), /arithmetic-coded JPEG/],
  ["half a PNG", png.subarray(0, png.length - 20), /the PNG data is cut off or damaged/],
  ["a PNG's first bytes", png.subarray(0, 20), /the PNG file is cut off within its header/],
  ["a PNG with a wrong checksum", badChecksum, /the PNG data is cut off or damaged \(.*CRC/i],
  [
    "a PNG with too few rows",
    pngFile({ width: 4, height: 4, depth: 8, colourType: 0 }, [[1, 2, 3, 4]]),
    /the PNG data is cut off or damaged/,
  ],
  ["a PNG with two headers", withTwice(png, "IHDR"), /the PNG data is damaged: there are two chunks IHDR/],
  ["a PNG with two palettes", withTwice(indexed, "PLTE"), /there are two chunks PLTE/],
  ["a PNG with two lists of opacities", withTwice(indexed, "tRNS"), /there are two chunks tRNS/],
  [
    "a PNG without a palette",
    pngFile(indexedHeader, [[0]]),
    /the PNG data is cut off or damaged \(.*palette/,
  ],
  [
    "a PNG that begins with another chunk",
    Uint8Array.of(...png.subarray(0, 8), ...png.subarray(33), ...png.subarray(8, 33)),
    /the PNG file does not begin with its header/,
  ],
  [
    "a PNG in colour of 4 bits a value",
    pngFile({ width: 2, height: 1, depth: 4, colourType: 2 }, [[1, 2, 3]]),
    /a PNG of colour type 2 and 4 bits a value, expected 8 or 16/,
  ],
  [
    "a PNG whose transparent colour is half a colour",
    pngFile({ width: 2, height: 1, depth: 8, colourType: 2 }, [[1, 2, 3, 4, 5, 6]], { tRNS: [0, 1] }),
    /the PNG's transparent colour has 1 values, not 3/,
  ],
  [
    "a huge PNG",
    pngFile({ width: 2 ** 31 - 1, height: 2 ** 31 - 1, depth: 8, colourType: 6 }, []),
    /announces 2147483647×2147483647 pixels/,
  ],
  [
    "a PNG without pixels",
    pngFile({ width: 0, height: 5, depth: 8, colourType: 0 }, []),
    /announces 0×5 pixels/,
  ],
  [
    "an interlaced PNG of few bits",
    pngFile({ width: 1, height: 1, depth: 1, colourType: 0, interlaced: true }, [[128]]),
    /an interlaced PNG of 1 bits a pixel, expected 8 or more/,
  ],
];

for (const [what, bytes, words] of refused) {
  test(`refused: ${what}`, async () => {
    const error = await refusal(DataError, () => decodeImage(bytes, "folder/cat.jpg"));
    assert.match(error.message, words);
    assert.match(error.message, /^folder\/cat\.jpg: .*\n {2}help: /);
  });
}

test("a damaged JPEG is refused or decoded, and never takes forever", () => {
  const seconds = () => performance.now() / 1000;
  const started = seconds();
  let decoded = 0;
  for (let place = 2; place < photograph.length; place++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const bytes = photograph.slice();
      bytes[place]! ^= flip;
      try {
        assert.is(decodeImage(bytes, "damaged").channels > 0, true);
        decoded++;
      } catch (error) {
        assert.instance(error, DataError, `byte ${place}: ${error}`);
      }
    }
  }
  assert.ok(decoded > 0 && seconds() - started < 30, `${decoded} decoded in ${seconds() - started} s`);
});

test("real photographs where they are, a made one elsewhere", () => {
  const real = fileURLToPath(new URL("../../shared/data/imagenet-sample/images", import.meta.url));
  const names = existsSync(real)
    ? readdirSync(real, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".JPEG"))
    : [];
  // A few of the eighty, because decoding takes a while.
  const files = names.sort().filter((_, index) => index % 10 === 0);
  const photographs: Uint8Array[] = files.map((name) => new Uint8Array(readFileSync(join(real, name))));
  if (photographs.length === 0) photographs.push(plainJpeg(500, 375, [120, 90, 60]));
  for (const bytes of photographs) {
    const { width, height, channels, pixels } = decodeImage(bytes, "photograph");
    assert.ok(width >= 60 && height >= 60 && pixels.length === width * height * channels);
    const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    assert.ok(mean > 5 && mean < 250, `the mean is ${mean}`);
  }
});

test.run();
