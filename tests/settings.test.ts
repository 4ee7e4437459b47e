/** What `--set` takes: every name and word that a model offers, and nothing else. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ArgumentError } from "../engine/errors.ts";
import { findModel, models } from "../models/registry.ts";
import {
  aboveZero,
  betweenZeroAndOne,
  chooseSettings,
  describeSettings,
  fromZero,
  fromZeroToOne,
  wholeFromOne,
} from "../models/settings.ts";
import { refused } from "./engine-helpers.ts";

const offer = {
  codeSize: wholeFromOne(32),
  beta: fromZero(0.5),
  loss: ["mse", "bce"],
  up: ["nearest", "transposed"],
} as const;
const standard = { codeSize: 32, beta: 0.5, loss: "mse", up: "nearest" };

test("what is not named keeps its default", () => {
  assert.equal(chooseSettings(offer, []), standard);
  assert.equal(chooseSettings({}, []), {});
  assert.equal(chooseSettings(offer, ["loss=bce"]), { ...standard, loss: "bce" });
  assert.equal(chooseSettings(offer, ["up=transposed", "codeSize=2"]), {
    ...standard,
    codeSize: 2,
    up: "transposed",
  });
  assert.equal(chooseSettings(offer, ["beta=1e-3"]).beta, 0.001);
  assert.equal(chooseSettings(offer, ["beta=2", "beta=4"]).beta, 4, "the last word counts");
  assert.equal(Object.keys(chooseSettings(offer, ["up=nearest", "codeSize=1"])), Object.keys(standard));
});

test("a name that is not offered, and what is no name at all", async () => {
  const help = "choose from: codeSize=32 (from 1), beta=0.5 (from 0), loss=mse|bce, up=nearest|transposed";
  for (const text of [
    "size=3",
    "codeSize",
    "",
    "=3",
    "codesize=3",
    " codeSize=3",
    "__proto__=3",
    "toString=3",
  ]) {
    const problem = `there is no setting "${text}"`;
    const exactly = new RegExp(`^${escaped(`${problem}\n  help: ${help}`)}$`);
    await refused(ArgumentError, exactly, () => chooseSettings(offer, [text]));
  }
  const none = /^there is no setting "codeSize=3"\n {2}help: this model has no settings$/;
  await refused(ArgumentError, none, () => chooseSettings({}, ["codeSize=3"]));
});

test("a value that does not fit", async () => {
  for (const value of ["", " ", "many", "3,5", "NaN", "Infinity", "1=2"]) {
    const problem = `the setting codeSize is a whole number from 1, got "${value}"\n  help: write a whole number from 1 after the sign, such as codeSize=32`;
    await refused(ArgumentError, new RegExp(`^${escaped(problem)}$`), () =>
      chooseSettings(offer, [`codeSize=${value}`]),
    );
  }
  for (const value of ["", "mae", "MSE", "mse|bce", "0"]) {
    const problem = `the setting loss is one of mse, bce; got "${value}"\n  help: write one of them after the sign, such as loss=mse`;
    await refused(ArgumentError, new RegExp(`^${escaped(problem)}$`), () =>
      chooseSettings(offer, [`loss=${value}`]),
    );
  }
});

test("a number out of its bounds: which setting, which numbers it takes", async () => {
  const offers = {
    whole: wholeFromOne(3),
    least: fromZero(0.5),
    above: aboveZero(0.5),
    share: fromZeroToOne(0),
    inner: betweenZeroAndOne(0.5),
  };
  const rows: [name: keyof typeof offers, words: string, inside: string[], outside: string[]][] = [
    ["whole", "a whole number from 1", ["1", "1e3"], ["0", "-1", "1.5", "1e300"]],
    ["least", "a number from 0", ["0", "1e-9", "7"], ["-1", "-1e-9"]],
    ["above", "a number above 0", ["1e-9", "7"], ["0", "-1"]],
    ["share", "a number from 0 to 1", ["0", "0.5", "1"], ["-0.1", "1.1"]],
    ["inner", "a number above 0 and below 1", ["0.01", "0.99"], ["0", "1", "1.5"]],
  ];
  for (const [name, words, inside, outside] of rows) {
    for (const value of inside) assert.is(chooseSettings(offers, [`${name}=${value}`])[name], Number(value));
    for (const value of outside) {
      const problem = `the setting ${name} is ${words}, got ${value}`;
      const help = `write ${words} after the sign, such as ${name}=${offers[name].standard}`;
      const exactly = new RegExp(`^${escaped(`${problem}\n  help: ${help}`)}$`);
      await refused(ArgumentError, exactly, () => chooseSettings(offers, [`${name}=${value}`]));
    }
  }
});

test("one of a few numbers", async () => {
  const offer = { groups: [2, 1] } as const;
  assert.is(describeSettings(offer), "groups=2|1");
  assert.equal(chooseSettings(offer, []), { groups: 2 });
  assert.equal(chooseSettings(offer, ["groups=1"]), { groups: 1 });
  const words = /^the setting groups is one of 2, 1; got "3"\n {2}help: .*groups=2$/;
  await refused(ArgumentError, words, () => chooseSettings(offer, ["groups=3"]));
});

test("no model takes a number that makes no sense of it", async () => {
  const bad: Record<string, string[]> = {
    autoencoder: ["codeSize=0", "weightL1=-1e30", "weightL2=-1"],
    "convolutional-autoencoder": ["codeSize=0"],
    "denoising-autoencoder": ["amount=-1", "codeSize=0.5"],
    "sparse-autoencoder": ["codeSize=-1", "target=0", "target=1.5", "factor=-1", "codeL1=-1"],
    vae: ["codeSize=0", "hidden=0", "beta=-1", "warmUp=-1", "warmUp=2", "std=0", "std=-1"],
    "convolutional-vae": ["codeSize=0", "beta=-1", "warmUp=-1", "std=0"],
    "adversarial-autoencoder": ["codeSize=0"],
    alexnet: ["groups=3", "groups=0"],
    "graph-autoencoder": ["hidden=0", "codeSize=0"],
    "variational-graph-autoencoder": ["hidden=0", "codeSize=0"],
  };
  for (const [model, texts] of Object.entries(bad)) {
    for (const text of texts) {
      const words = new RegExp(`^the setting ${text.split("=")[0]} is .*\\n {2}help: `);
      await refused(ArgumentError, words, () => chooseSettings(findModel(model).settings, [text]));
    }
  }
});

test("noise that hits a share of the pixels hits all of them at most", async () => {
  const { open, settings } = findModel("denoising-autoencoder");
  const shape = { inputShape: [1, 28, 28], classes: [] };
  for (const noise of ["masking", "salt-and-pepper"]) {
    const chosen = chooseSettings(settings, ["amount=1.5", `noise=${noise}`]);
    const words = new RegExp(
      `^denoising-autoencoder: of ${noise} noise, amount is a share .* got 1\\.5\\n {2}help: `,
    );
    await refused(ArgumentError, words, () => open(shape, chosen));
  }
});

test("every model's offer in one line, and its defaults as its own words", () => {
  assert.is(
    describeSettings(offer),
    "codeSize=32 (from 1), beta=0.5 (from 0), loss=mse|bce, up=nearest|transposed",
  );
  assert.is(describeSettings({}), "");
  for (const { settings } of models) {
    const standard = chooseSettings(settings, []);
    const texts = Object.entries(standard).map(([name, value]) => `${name}=${value}`);
    assert.equal(chooseSettings(settings, texts), standard);
  }
});

function escaped(text: string): string {
  return text.replace(/[|.*+?^${}()[\]\\]/g, "\\$&");
}

test.run();
