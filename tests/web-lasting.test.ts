import type { Browser } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { withWebGpu } from "./browser-helpers.ts";
import {
  buildSite,
  button,
  type Host,
  launch,
  pause,
  serveSite,
  startTraining,
  stepsDone,
  visit,
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

test.run();
