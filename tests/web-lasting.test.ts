/** What lasts on the page: trainings of several tabs, through reloads, lost devices and what else comes between. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeSafetensors, encodeSafetensors } from "../engine/io/safetensors.ts";
import { withWebGpu } from "./browser-helpers.ts";
import { digitFiles } from "./cli-helpers.ts";
import { temporaryFolder } from "./data-helpers.ts";
import {
  buildSite,
  button,
  drop,
  goTo,
  type Host,
  launch,
  open,
  pause,
  save,
  serveSite,
  startTraining,
  stepsDone,
  visit,
  waitForSteps,
} from "./web-helpers.ts";

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

test("every tab has its own training, after a reload as well; a new one begins with a copy of the newest", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder&batch=16"));
  await startTraining(page, 6);
  await pause(page);
  const done = await stepsDone(page);
  const [other] = await Promise.all([
    page.context().waitForEvent("page"),
    page.evaluate(() => void window.open(location.href)), // as a duplicated tab, with a copy of what the first remembers
  ]);
  await button(other, "Go on").waitFor();
  assert.is(await stepsDone(other), done);
  await other.getByLabel("Model", { exact: true }).selectOption("lenet5");
  await startTraining(other, 3);
  await button(other, "Stop").click();
  await other.getByText("Ended", { exact: true }).waitFor();
  const ended = await stepsDone(other);

  await page.reload();
  await button(page, "Go on").waitFor();
  await page.getByText(/Autoencoder on/).waitFor();
  assert.is(await stepsDone(page), done);
  await other.reload();
  await other.getByText(/LeNet-5 on/).waitFor();
  await other.getByText("Ended", { exact: true }).waitFor(); // what was stopped stays so
  assert.is(await stepsDone(other), ended);
  await endWell();
});

test("changes of the training that overlap come one after the other, and a refused one leaves what was there", async () => {
  const { page, endWell } = await visit(browser, at("model=lenet5&batch=16"));
  await startTraining(page, 3);
  await pause(page);
  const checkpoint = await save(page);
  const elsewhere = described(checkpoint, { data: "mnist" }, {}); // which is not on the page yet
  await dropTwiceInstead(page);
  await open(page, "elsewhere.safetensors", elsewhere);
  await page.getByText(/MNIST is not on this page yet/).waitFor();
  await page.waitForTimeout(500);
  await page.getByText("Paused", { exact: true }).waitFor();
  await button(page, "Go on").click();
  await waitForSteps(page, 8);
  await pause(page);

  await button(page, "Start anew").evaluate((element) => {
    for (let i = 0; i < 2; i++) (element as HTMLElement).click();
  });
  await waitForSteps(page, 3);
  await pause(page);
  const label = await page.locator(".curve").getAttribute("aria-label");
  assert.match(label!, new RegExp(`after ${await stepsDone(page)} steps, [\\d.]+ at the first`));
  await endWell();
});

test("a checkpoint from an epoch's end tells no training loss of steps that the page did not see", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder&batch=1000&epochs=2"));
  await startTraining(page, 1);
  await pause(page);
  await open(page, "checkpoint.safetensors", described(await save(page), {}, { stepsDone: 6 }));
  await page.getByText(/6 steps were done/).waitFor();
  await button(page, "Go on").click();
  await page.getByText("Ended", { exact: true }).waitFor();
  const losses = await page.locator("table.numbers tbody td:nth-of-type(1)").allInnerTexts();
  assert.is(losses[0], "–");
  assert.match(losses[1], /^[\d.]+$/);
  assert.match((await page.locator(".curve").getAttribute("aria-label"))!, /12 steps, [\d.]+ after 7$/);
  await endWell();
});

test("a checkpoint goes on only with the data that it was begun with", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder&batch=16"));
  await startTraining(page, 3);
  await pause(page);
  const done = await stepsDone(page);
  const checkpoint = await save(page);
  const fingerprint = { samples: 6000, labels: "0123abcd" };
  await open(page, "others.safetensors", described(checkpoint, {}, {}, { fingerprint }));
  await page.getByText(/this is not the data that the training was begun with\s+labels: /).waitFor();
  await page.getByText("Paused", { exact: true }).waitFor();
  assert.is(await stepsDone(page), done);
  await endWell();
});

test("a graphics process that dies while nothing happens is noticed, and all is painted again", async () => {
  const patient = ["--disable-domain-blocking-for-3d-apis", "--disable-gpu-process-crash-limit"];
  const own = await launch([...withWebGpu, ...patient]); // it lets a page crash more than once
  try {
    const { page, endWell } = await visit(own, at("model=lenet5&batch=16"), { complains: /./ });
    await page.getByLabel("Image 1 of the data").waitFor();
    await killGraphics(own);
    await page.getByText(/The graphics device was lost\. There is a new one, and nothing else/).waitFor();
    await isPainted(page, "Image 1 of the data");
    await startTraining(page, 3);
    await pause(page);
    await goTo(page, "Draw");
    const pad = page.getByLabel("Drawing pad");
    await pad.focus();
    await page.keyboard.press("Space");
    for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowDown");
    await page.locator(".verdict strong").waitFor();
    await button(page, "Dismiss").click();
    await killGraphics(own);
    await page.getByText(/There is a new one, and the training is as it was at its last save/).waitFor();
    await isPainted(page, "Your drawing, as the model sees it");
    await isPainted(page, "Drawing pad");
    await goTo(page, "Train");
    await button(page, "Dismiss").click();
    await page.getByLabel("Model", { exact: true }).selectOption("autoencoder");
    await killGraphics(own);
    await button(page, "Start").click(); // before the page has noticed: it is done on the new device
    await page.getByText(/There is a new one, and the training is as/).waitFor();
    await page.getByText(/Autoencoder on/).waitFor();
    await page.getByText("Training", { exact: true }).waitFor();
    assert.is(await page.getByRole("alert").innerText(), "", "nobody is told what is only for programmers");
    await endWell();
  } finally {
    await own.close();
  }
});

test("by keyboard alone: what takes a control's place takes its focus", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder&batch=16&view=draw"));
  const press = async (name: string) => {
    await button(page, name).focus();
    await page.keyboard.press("Enter");
  };
  const hasFocus = (selector: string) =>
    page.waitForFunction((selector) => document.activeElement?.matches(selector), selector);
  await press("Train one");
  await hasFocus("main");
  await press("Start");
  await button(page, "Pause").waitFor();
  await hasFocus(".actions button");
  assert.is(await page.evaluate(() => document.activeElement?.textContent), "Pause");
  await press("Stop");
  await page.getByText("Ended", { exact: true }).waitFor();
  await hasFocus(".actions button");
  assert.is(await page.evaluate(() => document.activeElement?.textContent), "Start");
  for (const name of ["a.txt", "b.txt"]) await drop(page, [[name, new Uint8Array(1)]]);
  await page.getByText("a.txt").waitFor();
  await page.getByText("b.txt").waitFor();
  await button(page, "Dismiss").first().focus();
  await page.keyboard.press("Enter");
  await hasFocus(".notice button");
  await page.keyboard.press("Enter");
  await hasFocus("main");
  await endWell();
});

test("what comes late changes nothing that was begun meanwhile", async () => {
  const files = await digitFiles(60, 20);
  const { page, endWell } = await visit(browser, at("model=autoencoder&data=mnist&batch=16"));
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await page.context().route("**/mnist/*", async (route) => {
    await asked;
    await route.fulfill({ body: Buffer.from(files.get(route.request().url().split("/").at(-1)!)!) });
  });
  await button(page, "Fetch").click();
  const data = page.getByLabel("Data", { exact: true });
  await data.selectOption("digits");
  await startTraining(page, 2);
  answer();
  await page.getByText(/MNIST is here/).waitFor();
  assert.is(await data.inputValue(), "digits");
  await pause(page);
  await button(page, "Go on").waitFor();

  await goTo(page, "Machine"); // two checks: the second does not count the first one's rows
  await button(page, "Check").click();
  await page.getByText(/^[1-9]\d* of \d+ rows checked/).waitFor();
  await goTo(page, "Train");
  await goTo(page, "Machine");
  await button(page, "Check").click();
  await page.getByText(/^Done: (\d+) of \1 rows checked, all right/).waitFor();
  await endWell();
});

test("files that the page does not take are refused with what to do instead", async () => {
  const { page, endWell } = await visit(browser, at("model=autoencoder"));
  await button(page, "Start").waitFor();
  const empty = new Uint8Array(10);
  await drop(page, [
    ["a.safetensors", empty],
    ["b.safetensors", empty],
  ]);
  await page.getByText(/a\.safetensors is a checkpoint, and came together with other files/).waitFor();
  await drop(page, [["C.SAFETENSORS", empty]]);
  await page.getByText(/^C\.SAFETENSORS: (?!neither)/).waitFor();
  const folder = join(temporaryFolder(), "digits");
  mkdirSync(folder);
  const input = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    const data = { items: [], files: [folder], dragOperationsMask: 1 };
    await input.send("Input.dispatchDragEvent", { type, x: 700, y: 500, data });
  }
  await page.getByText(/^digits could not be read\./).waitFor();
  const epochs = page.getByLabel("Epochs", { exact: true });
  const before = await epochs.inputValue();
  await epochs.fill("2000");
  await epochs.blur();
  await page.getByText("Epochs: a number from 1 to 999, please.").waitFor();
  assert.is(await epochs.inputValue(), before);
  await endWell();
});

test("the mark on the map of codes stays where it was dragged when a new map comes", async () => {
  const { page, endWell } = await visit(browser, at("model=vae&code=2&batch=16"));
  await startTraining(page, 3);
  await pause(page);
  await goTo(page, "Look inside");
  const mark = page.getByRole("slider", { name: "Place on the map of codes" });
  await mark.waitFor();
  await page.locator(".layers li").first().waitFor();
  await page.waitForTimeout(500);
  await button(page, "Look again").click();
  await mark.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
  const place = await mark.getAttribute("aria-valuetext");
  await page.waitForTimeout(2500);
  assert.is(await mark.getAttribute("aria-valuetext"), place);
  await endWell();
});

// ------------------------------------------------------------------------------------------------------------------

/** The same tensors, with other words about them. */
function described(checkpoint: Uint8Array, model: object, state: object, training: object = {}): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(checkpoint, "a checkpoint");
  const own = { ...JSON.parse(metadata.get("wgrad")!), ...model };
  const begun = { ...JSON.parse(metadata.get("wgrad.training")!), ...training };
  begun.state = { ...begun.state, ...state };
  const changed: [string, string][] = [
    ["wgrad", JSON.stringify(own)],
    ["wgrad.training", JSON.stringify(begun)],
  ];
  return encodeSafetensors(tensors, new Map([...metadata, ...changed]));
}

/** The next file that is opened is dropped onto the page, twice at once. */
async function dropTwiceInstead(page: Page): Promise<void> {
  await page.getByLabel("Open a checkpoint", { exact: true }).evaluate((element) => {
    const input = element as HTMLInputElement;
    input.addEventListener(
      "change",
      (event) => {
        event.stopImmediatePropagation();
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(input.files![0]);
        for (let i = 0; i < 2; i++)
          document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
          );
      },
      { capture: true, once: true },
    );
  });
}

/** Waits for a picture that is more than paper. */
async function isPainted(page: Page, label: string): Promise<void> {
  await page.waitForFunction((label) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`canvas[aria-label="${label}"]`);
    const picture = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(picture?.data).size > 5;
  }, label);
}

/** As a crashing driver does it. */
async function killGraphics(own: Browser): Promise<void> {
  const session = await own.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  for (const { type, id } of processInfo) if (type === "GPU") process.kill(id, "SIGKILL");
  await session.detach();
}

test.run();
