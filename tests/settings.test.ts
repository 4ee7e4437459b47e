/** What `--set` takes: every name and word that a model offers, and nothing else. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ArgumentError } from "../engine/errors.ts";
import { models } from "../models/registry.ts";
import { chooseSettings, describeSettings } from "../models/settings.ts";
import { refused } from "./engine-helpers.ts";

const offer = { codeSize: 32, beta: 0.5, loss: ["mse", "bce"], up: ["nearest", "transposed"] } as const;
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
  assert.equal(chooseSettings(offer, ["beta=-2", "beta=4"]).beta, 4, "the last word counts");
  assert.equal(Object.keys(chooseSettings(offer, ["up=nearest", "codeSize=1"])), Object.keys(standard));
});

test("a name that is not offered, and what is no name at all", async () => {
  const help = "choose from: codeSize=32, beta=0.5, loss=mse|bce, up=nearest|transposed";
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
    const problem = `the setting codeSize is a number, got "${value}"\n  help: write a number after the sign, such as codeSize=32`;
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

test("every model's offer in one line, and its defaults as its own words", () => {
  assert.is(describeSettings(offer), "codeSize=32, beta=0.5, loss=mse|bce, up=nearest|transposed");
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
