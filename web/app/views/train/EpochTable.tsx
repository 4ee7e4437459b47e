/** What was measured on the test images after each epoch: a table, or where that finds no room, a list. */
import { number, percent } from "../../format.ts";
import { Figure } from "../../parts/Figure.tsx";
import { epochs, narrow } from "../../state.ts";

const shownMetrics: Readonly<Record<string, string>> = {
  loss: "Test loss",
  accuracy: "Accuracy",
  mse: "MSE",
  psnr: "PSNR",
  ssim: "SSIM",
  negativeElbo: "−ELBO",
  kl: "KL",
};

export function EpochTable() {
  const rows = epochs.value;
  if (rows.length === 0) return null;
  const names = Object.keys(shownMetrics).filter((name) => rows.some(({ test }) => name in test));
  if (narrow.value) {
    return (
      <section aria-labelledby="epochs">
        <h2 id="epochs">Epochs</h2>
        <ol class="epochs">
          {rows.map(({ epoch, trainLoss, test }) => (
            <li key={epoch}>
              <h3>Epoch {epoch}</h3>
              <dl>
                <Figure name="Training loss" value={inWords("loss", trainLoss)} />
                {names.map((name) => (
                  <Figure key={name} name={shownMetrics[name]} value={inWords(name, test[name])} />
                ))}
              </dl>
            </li>
          ))}
        </ol>
      </section>
    );
  }
  return (
    <section aria-labelledby="epochs">
      <h2 id="epochs">Epochs</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Figures of the epochs">
        <table class="numbers">
          <thead>
            <tr>
              <th scope="col">Epoch</th>
              <th scope="col">Training loss</th>
              {names.map((name) => (
                <th scope="col" key={name}>
                  {shownMetrics[name]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ epoch, trainLoss, test }) => (
              <tr key={epoch}>
                <th scope="row">{epoch}</th>
                <td>{inWords("loss", trainLoss)}</td>
                {names.map((name) => (
                  <td key={name}>{inWords(name, test[name])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function inWords(metric: string, value: number | undefined): string {
  if (value === undefined) return "–";
  if (metric === "accuracy") return percent(value);
  return `${number(value)}${metric === "psnr" ? " dB" : ""}`;
}
