/** Saving a checkpoint, and opening one. */
import { saveCheckpoint } from "../../files.ts";
import { whole } from "../../format.ts";
import { FileButton } from "../../parts/FileButton.tsx";
import { saved, status } from "../../state.ts";

export function Keep() {
  const { phase, model } = status.value;
  const isBusy = phase === "preparing";
  const last = saved.value;
  return (
    <section aria-labelledby="keep">
      <h2 id="keep">Checkpoint</h2>
      <div class="actions">
        <button type="button" disabled={!model || isBusy || phase === "diverged"} onClick={saveCheckpoint}>
          Save
        </button>
        <FileButton
          label="Open"
          title="Open a checkpoint"
          accept=".safetensors"
          disabled={phase === "training" || isBusy}
        />
      </div>
      <p class="note">
        A safetensors file that <code>wgrad train --resume</code> goes on from, and the other way round.
        {last &&
          ` Saved in this browser at step ${whole(last.stepsDone)}, ${new Date(last.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}.`}
      </p>
    </section>
  );
}
