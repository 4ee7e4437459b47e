/** The buttons that start, halt and end a training; where one cannot go on, why, and what to do instead. */
import type { ComponentChildren } from "preact";
import type { Choice } from "../../../protocol.ts";
import { dataInWords, titleOf } from "../../choice.ts";
import { whole } from "../../format.ts";
import { choice, differences, goesOn, request, saved, status, stored } from "../../state.ts";

export function Actions() {
  const { phase, choice: running } = status.value;
  return (
    <>
      <div class="actions">
        <Buttons />
      </div>
      <div role="status">
        {phase === "halted" && running && !goesOn() && <Otherwise running={running} />}
        {phase === "diverged" && (
          <p class="note">
            The steps were too large: the loss is no number any more, and neither are the weights. Lower the
            learning rate and start anew
            {saved.value && `, or go back to step ${whole(saved.value.stepsDone)} and go on from there`}.
          </p>
        )}
      </div>
    </>
  );
}

function Buttons() {
  const { phase, choice: running } = status.value;
  const { data, learningRate } = choice.value;
  const start = () => request("start", choice.value);
  const startButton = (label: string, isPrimary: boolean) => (
    <Button
      isPrimary={isPrimary}
      disabled={phase === "preparing" || !stored.value.includes(data)}
      act={start}
    >
      {label}
    </Button>
  );
  const goOn = async () => {
    // An address, or an earlier choice, can say another rate than the one that it halted with.
    if (running?.learningRate !== learningRate) await request("setLearningRate", learningRate);
    await request("goOn");
  };
  if (phase === "training") {
    return (
      <>
        <Button isPrimary act={() => request("pause")}>
          Pause
        </Button>
        <Button act={() => request("stop")}>Stop</Button>
      </>
    );
  }
  if (phase === "halted" && goesOn()) {
    return (
      <>
        <Button isPrimary act={goOn}>
          Go on
        </Button>
        <Button act={() => request("stop")}>Stop</Button>
        {startButton("Start anew", false)}
      </>
    );
  }
  if (phase === "halted" && running) {
    return (
      <>
        {startButton("Start", true)}
        <Button act={() => (choice.value = running)}>Back to the paused one</Button>
      </>
    );
  }
  if (phase === "diverged") {
    const last = saved.value;
    return (
      <>
        {startButton("Start anew", true)}
        {last && <Button act={() => request("restore")}>Back to step {whole(last.stepsDone)}</Button>}
      </>
    );
  }
  return startButton("Start", true);
}

function Button(props: {
  readonly isPrimary?: boolean;
  readonly disabled?: boolean;
  readonly act: () => unknown;
  readonly children: ComponentChildren;
}) {
  const { isPrimary, disabled, act, children } = props;
  return (
    <button
      type="button"
      class={isPrimary ? "primary" : undefined}
      disabled={disabled}
      onClick={() => void act()}
    >
      {children}
    </button>
  );
}

/** Why there is no "Go on". */
function Otherwise({ running }: { readonly running: Choice }) {
  const { epochs, batchSize, codeSize } = differences(running);
  const numbers = [
    ...(epochs === undefined ? [] : [`${whole(epochs)} ${epochs === 1 ? "epoch" : "epochs"}`]),
    ...(batchSize === undefined ? [] : [`a batch of ${whole(batchSize)}`]),
    ...(codeSize === undefined ? [] : [`a code of ${whole(codeSize)}`]),
  ];
  return (
    <p class="note">
      Paused at step {whole(status.value.stepsDone)}: {titleOf(running.model)} on {dataInWords(running.data)}.
      It goes on only as it was begun
      {numbers.length > 0 && `, with ${new Intl.ListFormat("en").format(numbers)}`}. Start begins another
      training in its place.
    </p>
  );
}
