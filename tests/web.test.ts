/** The page in a real browser, a story for each thing that a person does there. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { syntheticDigits } from "../data/syntheticDigits.ts";
import { openDevice } from "../engine/currentDevice.ts";
import type { Gpu } from "../engine/gpu/gpu.ts";
import { decodeSafetensors, encodeSafetensors } from "../engine/io/safetensors.ts";
import { manualSeed } from "../engine/random.ts";
import { decodeCheckpoint, encodeCheckpoint, type StoredCheckpoint } from "../models/checkpoint.ts";
import { findModel, type RegisteredImageModel } from "../models/registry.ts";
import { chooseSettings } from "../models/settings.ts";
import { train } from "../models/training.ts";
import { withoutWebGpu, withWebGpu } from "./browser-helpers.ts";
import { digitFiles } from "./cli-helpers.ts";
import {
  buildSite,
  button,
  drop,
  goTo,
  type Host,
  hasInk,
  launch,
  lossesOf,
  open,
  pause,
  save,
  serveSite,
  site,
  startTraining,
  stepsDone,
  type Task,
  visit,
  waitForSteps,
  watchMainThread,
} from "./web-helpers.ts";

const kilobytesAtMost = 250;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser: Browser;
let host: Host;

test.before(async () => {
  await buildSite();
  host = await serveSite();
  browser = await launch(withWebGpu);
});

test.after(async () => {
  await browser?.close();
  host?.close();
});

const at = (query: string) => `${host.address}?${query}`;

test("the built page is small, and its policy lets it ask no other host", () => {
  const scripts = readdirSync(join(site, "assets")).filter((name) => name.endsWith(".js"));
  const sizes = scripts.map(
    (name) => gzipSync(readFileSync(join(site, "assets", name)), { level: 9 }).length,
  );
  const kilobytes = sizes.reduce((a, b) => a + b, 0) / 1000;
  console.log(`\nthe page's JavaScript: ${kilobytes.toFixed(1)} kB gzipped in ${scripts.length} files`);
  assert.ok(kilobytes < kilobytesAtMost, `${kilobytes} kB, and ${kilobytesAtMost} are allowed`);
  const page = readFileSync(join(site, "index.html"), "utf8").replaceAll("&#39;", "'");
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /connect-src 'self'(;|$)/);
  assert.not.match(policy, /unsafe|https?:|\*/);
});

test("without WebGPU the page says which browsers have it, and how to switch it on", async () => {
  const plain = await launch(withoutWebGpu);
  try {
    const { page, endWell } = await visit(plain, host.address, { complains: /WebGPU|GPU adapter/i });
    await page.getByRole("heading", { name: "This page needs WebGPU" }).waitFor();
    const text = await page.locator("main").innerText();
    assert.match(text, /Firefox 141/);
    assert.match(text, /Safari 26/);
    assert.match(text, /chrome:\/\/flags/);
    await checkAccessibility(page, "no WebGPU");
    await endWell();
  } finally {
    await plain.close();
  }
});

test("an autoencoder trains: the loss falls, images sharpen; pause, another learning rate, go on, stop", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder&batch=32&rate=0.003"));
  await page.getByRole("heading", { name: "Setup" }).waitFor();
  const endWatch = await watchMainThread(browser, page);
  await startTraining(page, 8);
  const first = await lossesOf(page);
  await waitForSteps(page, 90);
  const { last } = await lossesOf(page);
  assert.ok(last < 0.6 * first.first, `the loss was ${first.first} and is ${last}`);
  const figures = await page.locator(".figures").innerText();
  assert.match(figures, /Images a second\s+[\d,]+\n/);
  assert.match(figures, /On the GPU\s+[\d.]+ MB/);
  await page.getByLabel("Reconstruction 1", { exact: true }).waitFor();
  assert.ok(await hasInk(page, "Reconstruction 1"));

  await pause(page);
  const paused = await stepsDone(page);
  await page.waitForTimeout(300);
  assert.is(await stepsDone(page), paused, "it does not train while it is paused");
  const rate = page.getByRole("slider", { name: /Learning rate/ });
  const before = await rate.getAttribute("aria-valuetext");
  await rate.focus();
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowLeft");
  assert.is.not(await rate.getAttribute("aria-valuetext"), before);
  assert.match(page.url(), /rate=0\.001/);
  await button(page, "Go on").click();
  await waitForSteps(page, paused + 10);
  await button(page, "Stop").click();
  await button(page, "Start").waitFor();
  staysFree(await endWatch(), "while an autoencoder trains");
  await endWell();
});

test("what was chosen stands in the address, and an address that makes no sense does no harm", async () => {
  const { page, endWell } = await visit(browser, host.address);
  await page.getByLabel("Model", { exact: true }).selectOption("vae");
  await page.getByLabel("Code size", { exact: true }).selectOption("2");
  await page.getByLabel("Epochs", { exact: true }).fill("3");
  await page.getByLabel("Epochs", { exact: true }).blur();
  assert.match(page.url(), /\?model=vae&data=digits&code=2&epochs=3$/);
  await page.reload();
  await page.getByRole("heading", { name: "Setup" }).waitFor();
  assert.is(await page.getByLabel("Model", { exact: true }).inputValue(), "vae");
  assert.is(await page.getByLabel("Code size", { exact: true }).inputValue(), "2");
  assert.is(await page.getByLabel("Epochs", { exact: true }).inputValue(), "3");
  await page.goto(at("model=toString&epochs=-1&batch=1e9&rate=x&code=0&view=<b>"));
  await page.getByRole("heading", { name: "Setup" }).waitFor();
  assert.is(await page.getByLabel("Model", { exact: true }).inputValue(), "autoencoder");
  assert.is(await page.getByLabel("Batch", { exact: true }).inputValue(), "64");
  await goTo(page, "Machine");
  assert.match(page.url(), /view=machine/);
  await page.goBack();
  await page.getByRole("heading", { name: "Setup" }).waitFor();
  await endWell();
});

for (const model of ["denoising-autoencoder", "lenet5", "alexnet28"]) {
  test(`${model} trains on the page`, async () => {
    const { page, endWell } = await visit(browser, at(`model=${model}&batch=8`));
    await startTraining(page, 6);
    await pause(page);
    const { last } = await lossesOf(page);
    assert.ok(Number.isFinite(last));
    if (model === "denoising-autoencoder") await page.getByLabel("With noise 1", { exact: true }).waitFor();
    else await page.getByRole("heading", { name: /Test images/ }).waitFor();
    await endWell();
  });
}

test("a training survives a reload, and goes on from where it was saved", async () => {
  const { page, endWell } = await visit(browser, at("model=vae&batch=16&code=2"));
  await startTraining(page, 12);
  await pause(page);
  const done = await stepsDone(page);
  const { first } = await lossesOf(page);
  await page.reload();
  await button(page, "Go on").waitFor();
  assert.is(await stepsDone(page), done);
  assert.is((await lossesOf(page)).first, first, "the curve is there as well");
  await button(page, "Go on").click();
  await waitForSteps(page, done + 5);
  await pause(page);

  // the same page: what there is to see inside a model with codes
  await goTo(page, "Look inside");
  await page.getByRole("slider", { name: "Place on the map of codes" }).waitFor();
  const decoded = page.getByLabel("The image that the model draws from this code");
  await decoded.waitFor();
  const before = await pixelsOf(page, "The image that the model draws from this code");
  await page.getByRole("slider", { name: "Place on the map of codes" }).focus();
  for (let i = 0; i < 8; i++) await page.keyboard.press("ArrowRight");
  await page.waitForFunction(
    ([label, pixels]) =>
      document.querySelector<HTMLCanvasElement>(`[aria-label="${label}"]`)?.toDataURL() !== pixels,
    ["The image that the model draws from this code", before] as const,
  );
  await page.getByText("A slider for each of the 2 numbers").click();
  assert.is(await page.getByRole("slider", { name: /of the code/ }).count(), 2);
  await page.getByLabel("11 images on the way from one to the other").waitFor();
  await page.getByLabel("64 filters of the first layer").waitFor();
  const layers = page.locator(".layers li");
  await layers.first().waitFor();
  assert.is(await layers.count(), 5); // fc1, fc21 and fc22, fc3, fc4
  await endWell();
});

test("a classifier's mistakes: a cell of the confusion matrix shows its images; and it reads what is drawn", async () => {
  const { page, endWell } = await visit(browser, at("model=lenet5&batch=32&rate=0.002"));
  await startTraining(page, 60);
  await pause(page);
  const endWatch = await watchMainThread(browser, page);
  await goTo(page, "Look inside");
  const cells = page.locator(".matrix button");
  await cells.first().waitFor();
  const counts = (await cells.allInnerTexts()).map(Number);
  assert.is(
    counts.reduce((a, b) => a + b, 0),
    1000,
    "every test image is in a cell",
  );
  const inCell = page.locator(".cell .columns li");
  await inCell.first().waitFor();
  const mistakes = (await page.locator(".matrix .wrong").allInnerTexts()).map(Number);
  assert.is(await inCell.count(), Math.min(40, Math.max(...mistakes)), "at first, the commonest mistake");
  await cells.first().click();
  const [, wanted] = / of (.*)/.exec((await cells.first().getAttribute("aria-label"))!)!;
  await page.locator(".cell").getByText(wanted).waitFor();
  assert.is(await inCell.count(), Math.min(40, counts[0]));
  await page.getByLabel("6 filters of the first layer").waitFor();
  assert.is(await page.locator(".layers li").count(), 12);

  await goTo(page, "Draw");
  const pad = page.getByLabel("Drawing pad");
  await page.getByText("Nothing drawn yet").waitFor();
  const box = (await pad.boundingBox())!;
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.2 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.8 * box.height, { steps: 8 });
  await page.mouse.up();
  await page.locator(".verdict strong").waitFor();
  assert.ok(await hasInk(page, "Your drawing, as the model sees it"));
  await button(page, "Clear").click();
  await page.getByText("Nothing drawn yet").waitFor();
  await pad.focus(); // and by keyboard alone
  await page.keyboard.press("Space");
  for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowDown");
  await page.locator(".verdict strong").waitFor();
  staysFree(await endWatch(), "while somebody looks inside and draws");
  await endWell();
});

test("a finger and a pen draw on the pad and move on the map, and the page stays where it is", async () => {
  const { page, endWell } = await visit(browser, at("model=vae&batch=16&code=2"), {
    viewport: { width: 360, height: 640 },
    hasTouch: true,
    isMobile: true,
    complains: /willReadFrequently/, // of how this test looks at the pictures
  });
  await startTraining(page, 3);
  await pause(page);
  const input = await page.context().newCDPSession(page);
  const finger = async (from: Place, to: Place) => {
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", touchPoints: Place[]) =>
      input.send("Input.dispatchTouchEvent", { type, touchPoints });
    await touch("touchStart", [from]);
    for (const place of between(from, to)) await touch("touchMove", [place]);
    await touch("touchEnd", []);
  };
  const pen = async (from: Place, to: Place) => {
    const send = (type: "mousePressed" | "mouseMoved" | "mouseReleased", place: Place, force: number) =>
      input.send("Input.dispatchMouseEvent", {
        type,
        ...place,
        pointerType: "pen",
        button: "left",
        buttons: force > 0 ? 1 : 0,
        clickCount: 1,
        force,
      });
    await send("mousePressed", from, 0.5);
    for (const place of between(from, to)) await send("mouseMoved", place, 0.5);
    await send("mouseReleased", to, 0);
  };
  const scrolled = () => page.evaluate(() => scrollY);

  await goTo(page, "Draw");
  const pad = page.getByLabel("Drawing pad");
  await pad.evaluate((element) => {
    const kinds = new Set<string>();
    Object.assign(globalThis, { kinds });
    element.addEventListener("pointermove", (event) => kinds.add((event as PointerEvent).pointerType));
  });
  for (const [kind, stroke] of [
    ["touch", finger],
    ["pen", pen],
  ] as const) {
    const box = (await pad.boundingBox())!;
    await stroke(within(box, 0.4, 0.85), within(box, 0.4, 0.15)); // upwards: this would scroll the page down
    assert.ok((await inkOf(page)) > 3000, `the ${kind} draws a line`);
    assert.is(await scrolled(), 0, `the page moved under the ${kind}`);
    assert.ok(await page.evaluate(`kinds.has("${kind}")`), `no ${kind} came to the pad`);
    await until(() => hasInk(page, "What the model draws from it"), "the model redraws it");
    await button(page, "Clear").tap();
    await until(async () => (await inkOf(page)) === 0, "the pad is wiped");
  }
  const box = (await pad.boundingBox())!;
  const [first, second] = [within(box, 0.2, 0.3), within(box, 0.85, 0.85)];
  const touches = (type: "touchStart" | "touchMove" | "touchEnd", places: Place[]) =>
    input.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: places.map((place, id) => ({ ...place, id })),
    });
  await touches("touchStart", [within(box, 0.2, 0.2)]);
  await touches("touchStart", [first, second]);
  for (const place of between(first, within(box, 0.2, 0.4))) await touches("touchMove", [place, second]);
  await touches("touchEnd", []);
  assert.ok((await inkOf(page)) < 3000, "a second finger draws no line from the first");
  const heading = (await page.getByRole("heading", { name: "What the model" }).boundingBox())!;
  await finger({ x: 20, y: heading.y }, { x: 20, y: heading.y - 200 });
  await page.waitForFunction(() => scrollY > 50); // beside the pad a finger scrolls

  await goTo(page, "Look inside");
  const map = page.getByRole("slider", { name: "Place on the map of codes" });
  await map.waitFor();
  for (const stroke of [finger, pen]) {
    const box = (await map.boundingBox())!;
    const [place, top] = [await map.getAttribute("aria-valuetext"), await scrolled()];
    await stroke(within(box, 0.5, 0.8), within(box, stroke === finger ? 0.2 : 0.7, 0.2));
    assert.is.not(await map.getAttribute("aria-valuetext"), place);
    assert.is(await scrolled(), top);
  }
  await endWell();
});

test("MNIST comes from dropped files or from this host, and a file that is something else is refused", async () => {
  const files = await digitFiles(60, 20);
  const { page, endWell } = await visit(browser, at("model=lenet5&data=mnist&batch=16&epochs=1"), {
    complains: /404/,
    stopped: /\/elsewhere\//,
  });
  await button(page, "Start").waitFor();
  assert.ok(await button(page, "Start").isDisabled());
  await drop(page, [["notes.txt", new TextEncoder().encode("nothing of the kind")]]);
  await page.getByText(/notes\.txt: neither a checkpoint .* nor one of MNIST's four files/).waitFor();
  await drop(page, [...files].slice(0, 3));
  await page.getByText(/1 of the four MNIST files are missing/).waitFor();
  await drop(
    page,
    [...files].map(([name]) => [name, new TextEncoder().encode("<!doctype html><b>no")]),
  );
  await page.getByText(/this is an HTML page/).waitFor();
  await drop(
    page,
    [...files].map(([name, bytes]) => [name, bytes.subarray(0, bytes.length - 30)]),
  );
  await page.getByText(/gzip data is cut off or damaged/).waitFor();
  assert.ok(await button(page, "Start").isDisabled());
  await drop(page, [...files]);
  await page.getByText("MNIST is here").waitFor();
  await startTraining(page, 4); // 60 images: four steps, and the epoch's figures
  await page.getByText("Ended", { exact: true }).waitFor();
  await page.getByRole("table").getByText("%").waitFor();

  // the same from this host, as Fashion-MNIST; another host is refused before it is asked
  for (const [name, bytes] of files) host.files.set(`/fashion/${name}`, bytes);
  await page.getByLabel("Data", { exact: true }).selectOption("fashion-mnist");
  const address = page.getByLabel("or a folder on this page’s host");
  assert.is(await address.inputValue(), "./fashion-mnist/");
  const link = page.getByRole("link", { name: "t10k-labels-idx1-ubyte.gz" });
  assert.match((await link.getAttribute("href"))!, /^https:\/\/storage\.googleapis\.com\/.*\.gz$/);
  await address.fill("https://example.com/fashion");
  const refusal = page.locator(".refusal");
  await refusal.getByText(/example\.com is another host.* asks none but its own.*drop them here/).waitFor();
  assert.is(await link.getAttribute("href"), "https://example.com/fashion/t10k-labels-idx1-ubyte.gz");
  assert.ok(await button(page, "Fetch").isDisabled());
  await checkAccessibility(page, "a foreign address");
  await address.fill("javascript:alert(1)");
  await refusal.getByText("This is no address of the web.").waitFor();
  assert.match((await link.getAttribute("href"))!, /^https:/);
  const other = await serveSite();
  host.moved.set("/moved/", `${other.address}elsewhere/`);
  await address.fill("./moved");
  await button(page, "Fetch").click();
  await page.getByText(/\/moved\/\S+ gave no answer/).waitFor();
  assert.equal(other.asked, [], "nor is a redirection to another host followed");
  other.close();
  await address.fill("./nowhere");
  await button(page, "Fetch").click();
  await page.getByText(/There is neither \S+-ubyte\.gz nor/).waitFor(); // whichever of the four was answered first
  await address.fill("./fashion");
  await button(page, "Fetch").click();
  await page.getByText("Fashion-MNIST is here").waitFor();
  await page.reload(); // they stay
  await page.locator("button:enabled", { hasText: "Start" }).waitFor();
  await endWell();
});

test("a checkpoint goes from Node to the page and back, and on in Node bit for bit", async () => {
  const gpu = await openDevice();
  try {
    const straight = await trainInNode(gpu, undefined, 0, 6);
    const half = await trainInNode(gpu, undefined, 0, 3);
    const { page, endWell } = await visit(browser, host.address);
    await page.getByRole("heading", { name: "Setup" }).waitFor();
    await open(page, "checkpoint.safetensors", half);
    await page.getByText(/3 steps were done/).waitFor();
    assert.is(await page.getByLabel("Model", { exact: true }).inputValue(), "vae");
    const returned = await save(page);
    assert.ok(returned.equals(half), "the page gives back what it was given, byte for byte");
    const resumed = await trainInNode(gpu, decodeCheckpoint(returned, "returned"), 3, 6);
    assert.ok(resumed.equals(straight), "and Node goes on as if it had never been away");

    // what the page itself trained goes on in Node, too, and again gives the same bytes every time
    await button(page, "Go on").click();
    await waitForSteps(page, 5);
    await pause(page);
    const trained = decodeCheckpoint(await save(page), "trained");
    assert.ok(trained.stepsDone >= 5);
    const [one, other] = [
      await trainInNode(gpu, trained, trained.stepsDone, trained.stepsDone + 2),
      await trainInNode(gpu, trained, trained.stepsDone, trained.stepsDone + 2),
    ];
    assert.ok(one.equals(other));

    const before = await save(page);
    await open(page, "broken.safetensors", half.subarray(0, 5000));
    await page.locator(".notice.error", { hasText: "broken.safetensors" }).waitFor();
    await open(page, "foreign.safetensors", ofAnotherModel(half));
    await page.locator(".notice.error", { hasText: "foreign.safetensors" }).waitFor();
    assert.ok((await save(page)).equals(before), "what was there stays");

    await page.goto(`${page.url()}&rate=0.0005`); // what the slider shows is what it goes on with
    await button(page, "Go on").click();
    await waitForSteps(page, trained.stepsDone + 2);
    await pause(page);
    assert.is(decodeCheckpoint(await save(page), "slower").training.recipe.learningRate, 0.0005);
    await endWell();
  } finally {
    await gpu.close();
  }
});

test("where the browser keeps nothing the page trains all the same; without its worker it says so", async () => {
  const name = readdirSync(join(site, "assets")).find((file) => file.startsWith("main-"))!;
  const refusing = `indexedDB.open = () => { throw new DOMException("storage is off", "SecurityError"); };\n`;
  const worker = Buffer.concat([Buffer.from(refusing), readFileSync(join(site, "assets", name))]);
  host.files.set(`/assets/${name}`, worker);
  try {
    const { page, endWell } = await visit(browser, at("model=autoencoder&batch=8"));
    await page.getByText(/This browser keeps nothing for this page: storage is off/).waitFor();
    await startTraining(page, 3);
    await pause(page);
    await endWell();

    const without = `Object.defineProperty(navigator, "gpu", { value: undefined });\n`;
    host.files.set(
      `/assets/${name}`,
      Buffer.concat([Buffer.from(without), readFileSync(join(site, "assets", name))]),
    );
    const windowOnly = await visit(browser, host.address);
    await windowOnly.page.getByText(/This browser has WebGPU in pages, but not in workers/).waitFor();
    await windowOnly.endWell();

    host.files.set(`/assets/${name}`, Buffer.from("throw new Error('it is damaged')"));
    const broken = await visit(browser, host.address);
    await broken.page.getByText(/The page’s worker failed: .*it is damaged/).waitFor();
    await broken.endWell();
  } finally {
    host.files.delete(`/assets/${name}`);
  }
});

test("the machine is checked, and gives a report", async () => {
  const { page, endWell } = await visit(browser, at("view=machine"));
  await page.getByText("Largest buffer").waitFor();
  await button(page, "Check").click();
  await page.getByText(/^[1-9]\d* of \d+ rows checked, all right/).waitFor();
  await button(page, "Stop").click();
  await page.getByText(/^Stopped: \d+ of \d+ rows checked, all right/).waitFor();
  await button(page, "Check").click();
  await page.getByText(/^Done: (\d+) of \1 rows checked, all right/).waitFor();
  const report = await page.getByLabel("Report").inputValue();
  assert.match(report, /^adapter: .*swiftshader/i);
  assert.match(report, /\nchecked: (\d+) of \1 rows, 0 failed\n/);
  assert.match(report, /\nmatmul 512 × 512 × 512.*: [\d.]+ GFLOP\/s\n/);
  assert.match(report, /\nlenet5, a training step of 64 images: [\d.]+ ms\n/);
  await endWell();
});

test("a lost device is replaced, and the training goes on from the last save", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder&batch=16"));
  await startTraining(page, 10);
  await pause(page);
  const done = await stepsDone(page);
  await button(page, "Go on").click();
  await waitForSteps(page, done + 2);
  await goTo(page, "Machine");
  await button(page, "Destroy the device").click();
  await page.getByText(/The graphics device was lost\. There is a new one/).waitFor();
  await goTo(page, "Train");
  await waitForSteps(page, done + 4);
  await pause(page);
  const { count } = await lossesOf(page);
  assert.is(count, await stepsDone(page), "the curve has every step once");
  await endWell();
});

test("where a training cannot go on, the page says why and what to do instead", async () => {
  const gpu = await openDevice();
  try {
    const { page, endWell } = await visit(browser, at("model=autoencoder&batch=8"));
    await startTraining(page, 3);
    await pause(page);
    const setup = page.getByRole("region", { name: "Setup" });
    const epochs = page.getByLabel("Epochs", { exact: true });
    const begunWith = await epochs.inputValue();
    await epochs.fill("3");
    await epochs.blur();
    await setup.getByText(`It goes on only as it was begun, with ${begunWith} epochs.`).waitFor();
    assert.is(await button(page, "Go on").count(), 0);
    await page.getByLabel("Model", { exact: true }).selectOption("lenet5");
    await setup.getByText(/Paused at step \d+: Autoencoder on synthetic digits\./).waitFor();
    await button(page, "Back to the paused one").click();
    await button(page, "Go on").waitFor();
    assert.is(await epochs.inputValue(), begunWith);

    await open(page, "huge.safetensors", withHugeWeights(await trainInNode(gpu, undefined, 0, 3)));
    await page.getByText(/3 steps were done/).waitFor();
    await button(page, "Go on").click();
    await page.getByText("Diverged", { exact: true }).waitFor();
    await page
      .getByRole("alert")
      .getByText(/The training has diverged: the loss is/)
      .waitFor();
    await setup.getByText(/Lower the learning rate and start anew, or go back to step 3/).waitFor();
    assert.ok(await button(page, "Save").isDisabled());
    await checkAccessibility(page, "diverged");
    await goTo(page, "Draw");
    await page.getByRole("heading", { name: "This training diverged" }).waitFor();
    await goTo(page, "Look inside");
    await button(page, "Back to the training").click();
    await button(page, "Back to step 3").click();
    await button(page, "Go on").waitFor();
    assert.is(await stepsDone(page), 3);
    await endWell();
  } finally {
    await gpu.close();
  }
});

test("a message is seen wherever one is, and no control stays under it", async () => {
  for (const width of [360, 1440]) {
    const { page, endWell } = await visit(browser, at("model=vae&batch=16"), {
      viewport: { width, height: 640 },
    });
    await startTraining(page, 3);
    await pause(page);
    for (const share of [0, 0.5, 1]) {
      await page.evaluate((share) => scrollTo(0, share * document.documentElement.scrollHeight), share);
      await drop(page, [[`notes-${share}.txt`, new TextEncoder().encode("nothing of the kind")]]);
      const message = page.getByRole("alert").locator(".notice", { hasText: `notes-${share}.txt` });
      await message.waitFor();
      const { top, bottom, windowHeight } = await message.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return { top, bottom, windowHeight: innerHeight };
      });
      assert.ok(
        top >= 0 && bottom <= windowHeight,
        `from ${top} to ${bottom} of ${windowHeight} at ${width}`,
      );
      if (share === 0.5) await checkAccessibility(page, `with messages, ${width}`);
      else await message.getByRole("button", { name: "Dismiss" }).click();
    }
    const covered = await page.evaluate(() => {
      const controls = [...document.querySelectorAll<HTMLElement>("a, button, select, input:not([hidden])")];
      return controls
        .filter((control) => !control.matches(":disabled, .skip, .notice *"))
        .filter((control) => {
          control.focus();
          const { left, top, width, height } = control.getBoundingClientRect();
          const seen = document.elementFromPoint(left + width / 2, top + height / 2);
          return seen?.closest(".notice") !== null;
        })
        .map((control) => control.outerHTML.slice(0, 80));
    });
    assert.equal(covered, [], `at ${width}`);
    await endWell();
  }
});

test("axe finds nothing, at both widths, light and dark", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [360, 1440]) {
      const model = (colorScheme === "light") === (width === 360) ? "vae" : "lenet5";
      const { page, endWell } = await visit(browser, at(`model=${model}&batch=16`), {
        colorScheme,
        viewport: { width, height: 900 },
      });
      await startTraining(page, 3);
      await pause(page);
      for (const view of ["Train", "Look inside", "Draw", "Machine"]) {
        await goTo(page, view);
        if (view === "Look inside") {
          await page.locator(".layers li").first().waitFor();
          if (model === "lenet5") await page.locator(".matrix button").first().click();
          else await page.locator("summary").click();
        }
        await checkAccessibility(page, `${view}, ${width}, ${colorScheme}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${view} is ${overflow} pixels too wide at ${width}`);
        const cut = await page.evaluate(() =>
          [...document.querySelectorAll("main *")]
            .filter((element) => getComputedStyle(element).overflowX === "auto")
            .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
            .map((element) => element.className),
        );
        assert.equal(cut, [], `${view} has what must be scrolled sideways at ${width}`);
      }
      await endWell();
    }
  }
});

// ------------------------------------------------------------------------------------------------------------------

async function checkAccessibility(page: Page, where: string): Promise<void> {
  await page.evaluate(axe);
  const violations = (await page.evaluate(
    `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes[0].html.slice(0, 150)))`,
  )) as string[];
  assert.equal(violations, [], where);
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Places on the way, the last included. */
function between(from: Place, to: Place): Place[] {
  return Array.from({ length: 8 }, (_, step) => {
    const share = (step + 1) / 8;
    return { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) };
  });
}

function within(
  box: Place & { readonly width: number; readonly height: number },
  right: number,
  down: number,
): Place {
  return { x: box.x + right * box.width, y: box.y + down * box.height };
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.unreachable(`not in five seconds: ${what}`);
}

/** How many of the pad's pixels have ink. */
function inkOf(page: Page): Promise<number> {
  return page.getByLabel("Drawing pad").evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  });
}

function pixelsOf(page: Page, label: string): Promise<string> {
  return page
    .getByLabel(label, { exact: true })
    .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
}

/** No task of the page's main thread may hold it longer, in milliseconds. */
const longestTask = 50;

function staysFree(tasks: readonly Task[], when: string): void {
  assert.ok(tasks.length > 100, `the trace has only ${tasks.length} tasks of the main thread`);
  const { processor, clock, what } = tasks[0];
  console.log(
    `\nthe main thread ${when}: ${tasks.length} tasks, the longest took ${processor.toFixed(1)} ms`,
  );
  assert.ok(
    processor < longestTask,
    `${what} took ${processor} ms of the processor (${clock} by the clock), and ${longestTask} are allowed`,
  );
}

/** The same tensors, which say that they are LeNet-5. */
function ofAnotherModel(checkpoint: Uint8Array): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(checkpoint, "a checkpoint");
  const description = { ...JSON.parse(metadata.get("wgrad")!), model: "lenet5", settings: {} };
  return encodeSafetensors(tensors, new Map([...metadata, ["wgrad", JSON.stringify(description)]]));
}

/** The same with weights so large that the next loss is no number. */
function withHugeWeights(checkpoint: Uint8Array): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(checkpoint, "a checkpoint");
  for (const [name, { data }] of tensors) if (name.endsWith(".weight")) data.fill(1e30);
  return encodeSafetensors(tensors, metadata);
}

/** A VAE with a small code, trained as `wgrad train` does: the checkpoint after step `to`. */
async function trainInNode(
  gpu: Gpu,
  stored: StoredCheckpoint | undefined,
  from: number,
  to: number,
): Promise<Buffer> {
  const registered = findModel("vae") as RegisteredImageModel;
  const data = syntheticDigits({ seed: 1, trainCount: 6000, testCount: 1000 });
  const shape = { inputShape: [1, 28, 28], classes: data.train.classes };
  const settings =
    stored?.training.settings ?? chooseSettings(registered.settings, ["codeSize=2", "hidden=32"]);
  const recipe = stored?.training.recipe ?? { ...registered.recipe, batchSize: 16, epochs: 2 };
  const description = { model: "vae", settings, data: "digits", recipe, seed: 1, ...shape };
  manualSeed(1);
  const { model, ...atWork } = registered.open(shape, settings);
  const source = atWork.batches(data, recipe, 1);
  const { optimizers, update } = atWork.trainer(recipe, recipe.epochs * source.steps);
  stored?.restore({ model, optimizers });
  let done = from;
  steps: for await (const epoch of train({ source, epochs: recipe.epochs, update, stepsDone: from })) {
    for await (const _ of epoch) if (++done === to) break steps;
  }
  await gpu.flush();
  return Buffer.from(await encodeCheckpoint({ model, optimizers, stepsDone: done }, description));
}

test.run();
