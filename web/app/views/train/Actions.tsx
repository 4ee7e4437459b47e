/** The buttons that start, halt and end a training. */
import { choice, goesOn, request, status, stored } from "../../state.ts";

export function Actions() {
  const { phase, choice: running } = status.value;
  const { data, learningRate } = choice.value;
  const start = () => request("start", choice.value);
  const goOn = async () => {
    // An address, or an earlier choice, can say another rate than the one that it halted with.
    if (running?.learningRate !== learningRate) await request("setLearningRate", learningRate);
    await request("goOn");
  };
  if (phase === "training") {
    return (
      <div class="actions">
        <button type="button" class="primary" onClick={() => request("pause")}>
          Pause
        </button>
        <button type="button" onClick={() => request("stop")}>
          Stop
        </button>
      </div>
    );
  }
  if (phase === "halted" && goesOn()) {
    return (
      <div class="actions">
        <button type="button" class="primary" onClick={goOn}>
          Go on
        </button>
        <button type="button" onClick={() => request("stop")}>
          Stop
        </button>
        <button type="button" onClick={start}>
          Start anew
        </button>
      </div>
    );
  }
  return (
    <div class="actions">
      <button
        type="button"
        class="primary"
        disabled={phase === "preparing" || !stored.value.includes(data)}
        onClick={start}
      >
        Start
      </button>
    </div>
  );
}
