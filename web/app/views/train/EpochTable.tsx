/** What was measured on the test images after each epoch. */
import { number, percent } from "../../format.ts";
import { epochs } from "../../state.ts";

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
                <td>{number(trainLoss)}</td>
                {names.map((name) => (
                  <td key={name}>
                    {name === "accuracy"
                      ? percent(test[name])
                      : `${number(test[name])}${name === "psnr" ? " dB" : ""}`}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
