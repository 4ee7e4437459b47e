/** How numbers become colours: ink on paper, or blue and orange for minus and plus. */

type Colour = readonly [number, number, number];

const themes = {
  light: { paper: [244, 241, 235], ink: [22, 32, 40], minus: [22, 90, 140], plus: [196, 88, 20] },
  dark: { paper: [32, 36, 42], ink: [244, 241, 232], minus: [110, 180, 230], plus: [250, 160, 90] },
} as const satisfies Record<string, Record<string, Colour>>;

/** "ink": from 0 to 1. "signed": from −1 to 1. */
export type Tone = "ink" | "signed";

/** 256 colours, for values from 0 to 255. */
function rampOf(tone: Tone, dark: boolean): Uint8ClampedArray {
  const { paper, ink, minus, plus } = themes[dark ? "dark" : "light"];
  const ramp = new Uint8ClampedArray(256 * 3);
  for (let step = 0; step < 256; step++) {
    const value = tone === "ink" ? step / 255 : (step - 127.5) / 127.5;
    const end: Colour = tone === "ink" ? ink : value < 0 ? minus : plus;
    const share = Math.abs(value);
    for (let i = 0; i < 3; i++) ramp[3 * step + i] = paper[i] + share * (end[i] - paper[i]);
  }
  return ramp;
}

const ramps = new Map<string, Uint8ClampedArray>();

export function ramp(tone: Tone, dark: boolean): Uint8ClampedArray {
  const key = `${tone} ${dark}`;
  let found = ramps.get(key);
  if (!found) {
    found = rampOf(tone, dark);
    ramps.set(key, found);
  }
  return found;
}

/** One for each class: as different as ten colours can be that are readable on both papers. */
export const classColours = {
  light: [
    "#0b6e7f",
    "#b4450c",
    "#3d5a9e",
    "#8a6a00",
    "#7a3b8f",
    "#2f7d3b",
    "#a11d3a",
    "#5b5f66",
    "#e0559b",
    "#1f6fb2",
  ],
  dark: [
    "#5fc8d6",
    "#f0965a",
    "#93acec",
    "#dcb84a",
    "#cb95de",
    "#7fcb8a",
    "#f07a7a",
    "#b4b9c1",
    "#f59fce",
    "#74b8ee",
  ],
} as const;
