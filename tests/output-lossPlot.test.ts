/** The loss plot: what is in the SVG, where, and that odd histories still give a plot. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type LossHistory, lossPlot } from "../cli/output/lossPlot.ts";

const history = (more: Partial<LossHistory> = {}): LossHistory => ({
  lossName: "mean squared error",
  stepsPerEpoch: 4,
  steps: [0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.42, 0.4],
  epochs: [
    { trainLoss: 0.75, testLoss: 0.58 },
    { trainLoss: 0.44, testLoss: 0.41 },
  ],
  ...more,
});

/** The points of each line of data: per step, per epoch, test. */
function lines(svg: string): [number, number][][] {
  const paths = [...svg.matchAll(/<path d="([^"]*)" fill="none" stroke="#(?:0072b2|d55e00)"/g)];
  return paths.map(([, path]) => {
    const numbers = path!.match(/-?[\d.]+/g) ?? [];
    return numbers.flatMap((x, i) =>
      i % 2 === 0 ? [[Number(x), Number(numbers[i + 1])] as [number, number]] : [],
    );
  });
}

const labels = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, label]) => label!);

/** Every element is closed in its order, and every attribute is quoted. */
function assertWellFormed(svg: string) {
  const open: string[] = [];
  for (const [, closing, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (closing) assert.is(open.pop(), name);
    else if (!rest!.endsWith("/")) open.push(name!);
    if (!closing) assert.match(rest!, /^( [\w-]+="[^"<]*")* ?\/?$/);
  }
  assert.equal(open, []);
  assert.not.match(svg, /NaN|Infinity|undefined/);
}

test("axes, units and legend are there, on white", () => {
  const svg = lossPlot(history());
  assertWellFormed(svg);
  for (const label of [
    "step (4 an epoch)",
    "epoch",
    "mean squared error",
    "training, each step",
    "training, mean of the epoch",
    "test, after the epoch",
  ]) {
    assert.ok(labels(svg).includes(label), label);
  }
  assert.match(svg, /<rect width="800" height="480" fill="#fff"\/>/);
});

test("points are where the axes say", () => {
  const [perStep, perEpoch, test] = lines(lossPlot(history()));
  assert.is(perStep!.length, 8);
  const pixelsAStep = perStep![1]![0] - perStep![0]![0];
  const pixelsALoss = (perStep![7]![1] - perStep![0]![1]) / (0.9 - 0.4);
  const near = (got: number, expected: number) =>
    assert.ok(Math.abs(got - expected) < 0.3, `${got} ${expected}`);
  const at = (step: number, loss: number) => [
    perStep![0]![0] + (step - 1) * pixelsAStep,
    perStep![0]![1] + (0.9 - loss) * pixelsALoss,
  ];
  assert.ok(pixelsALoss > 0, "a smaller loss is further down");
  const expected = [at(2, 0.75), at(6, 0.44), at(4, 0.58), at(8, 0.41)];
  for (const [i, point] of [...perEpoch!, ...test!].entries()) {
    near(point[0], expected[i]![0]!);
    near(point[1], expected[i]![1]!);
  }
});

test("the scale is logarithmic where losses differ by factors, and only there", () => {
  assert.ok(!labels(lossPlot(history())).some((label) => label.includes("log")));
  const steps = [8, 4, 2, 1, 0.5, 0.25, 0.125];
  const svg = lossPlot(history({ steps, epochs: [] }));
  assert.ok(labels(svg).includes("mean squared error (log scale)"));
  for (const label of ["5", "2", "1", "0.5", "0.2"]) assert.ok(labels(svg).includes(label), label);
  const heights = lines(svg)[0]!.map(([, y]) => y);
  for (let i = 2; i < heights.length; i++) {
    const [a, b, c] = heights.slice(i - 2);
    assert.ok(Math.abs(c! - b! - (b! - a!)) < 0.3, "halving is the same distance everywhere");
  }
  const touchesZero = lossPlot(history({ steps: [8, 0.1, 0], epochs: [] }));
  assert.ok(labels(touchesZero).includes("mean squared error"), "zero has no place on a log scale");
});

test("a loss that is not finite leaves a gap", () => {
  const steps = [0.5, 0.4, Number.NaN, Number.POSITIVE_INFINITY, 0.3, 0.2];
  const svg = lossPlot(history({ steps, epochs: [{ trainLoss: Number.NaN, testLoss: 0.3 }] }));
  assertWellFormed(svg);
  assert.equal(
    lines(svg).map((points) => points.length),
    [4, 0, 1],
  );
  assert.is(svg.match(/<path d="M[^"M]*M[^"M]*"/g)?.length, 1, "one line, in two pieces");
});

test("no step, one step, one value, or nothing finite still give a plot", () => {
  for (const more of [
    { steps: [], epochs: [] },
    { steps: [0.5], epochs: [] },
    { steps: [0.5, 0.5, 0.5], epochs: [{ trainLoss: 0.5, testLoss: 0.5 }] },
    { steps: [0, 0], epochs: [] },
    { steps: [Number.NaN], epochs: [{ trainLoss: Number.NaN, testLoss: Number.NaN }] },
  ]) {
    const svg = lossPlot(history(more));
    assertWellFormed(svg);
    const finite = [...more.steps].filter(Number.isFinite).length;
    assert.is(labels(svg).includes("no finite loss"), finite === 0);
    assert.is(lines(svg)[0]!.length, finite);
  }
});

test("a long run stays a small file, with as many ticks as fit", () => {
  const stepsPerEpoch = 1000;
  const steps = Array.from({ length: 200_000 }, (_, i) => 1 / (1 + i / 100) + 0.01 * Math.sin(i));
  const epochs = Array.from({ length: 200 }, (_, i) => ({ trainLoss: 1 / (i + 1), testLoss: 1.1 / (i + 1) }));
  const svg = lossPlot(history({ stepsPerEpoch, steps, epochs }));
  assertWellFormed(svg);
  assert.ok(svg.length < 40_000, `${svg.length} characters`);
  assert.ok(labels(svg).length < 50);
  const perStep = lines(svg)[0]!;
  assert.ok(perStep.length <= 400);
  assert.ok(perStep[0]![0] > 84 && perStep.at(-1)![0] <= 780);
});

test("names are escaped", () => {
  const svg = lossPlot(history({ lossName: "loss < 1 & > 0" }));
  assertWellFormed(svg);
  assert.ok(svg.includes("loss &lt; 1 &amp; &gt; 0"));
});

test.run();
