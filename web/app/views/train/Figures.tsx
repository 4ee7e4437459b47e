/** How far the training is, and how fast. */
import { dataInWords, titleOf } from "../../choice.ts";
import { bytes, number, whole } from "../../format.ts";
import { Figure } from "../../parts/Figure.tsx";
import { loss, speed, status } from "../../state.ts";

export function Figures() {
  const { stepsDone, steps, stepsAnEpoch, phase, model, choice: running } = status.value;
  const epoch = Math.min(
    Math.floor(stepsDone / Math.max(1, stepsAnEpoch)) + 1,
    steps / Math.max(1, stepsAnEpoch),
  );
  const state = {
    none: "",
    preparing: "Preparing",
    training: "Training",
    halted: "Paused",
    ended: "Ended",
    diverged: "Diverged",
  }[phase];
  return (
    <section class="figures" aria-label="Figures">
      <p class="what">
        <span class={`state ${phase}`}>{state}</span>
        {running && `${titleOf(running.model)} on ${dataInWords(running.data)}`}
        {model && `, ${whole(model.parameters)} parameters`}
      </p>
      <dl>
        <Figure name="Loss" value={loss.value === undefined ? "–" : number(loss.value)} />
        <Figure
          name="Images a second"
          value={phase === "training" && speed.value ? whole(speed.value.imagesPerSecond) : "–"}
        />
        <Figure name="On the GPU" value={speed.value ? bytes(speed.value.bytes) : "–"} />
        <Figure name="Epoch" value={`${epoch} of ${stepsAnEpoch ? steps / stepsAnEpoch : 0}`} />
      </dl>
      <progress
        max={Math.max(1, steps)}
        value={stepsDone}
        aria-label="Progress of the training"
        title={`${whole(stepsDone)} of ${whole(steps)} steps`}
      />
    </section>
  );
}
