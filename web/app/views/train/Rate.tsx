/** The learning rate, on a slider of powers of ten; a training under way takes it at once. */
import { rates } from "../../choice.ts";
import { number } from "../../format.ts";
import { Field } from "../../parts/Field.tsx";
import { change, choice, goesOn, request, status } from "../../state.ts";

export function Rate() {
  const { learningRate } = choice.value;
  const { phase } = status.value;
  // A training of something else that waits meanwhile keeps its own.
  const settle = (rate: number) => {
    if (phase === "training" || (phase === "halted" && goesOn())) void request("setLearningRate", rate);
  };
  return (
    <Field label="Learning rate" value={number(learningRate)}>
      <input
        type="range"
        min={Math.log10(rates.least)}
        max={Math.log10(rates.most)}
        step={0.05}
        value={Math.log10(learningRate)}
        aria-valuetext={number(learningRate)}
        disabled={phase === "preparing"}
        onInput={({ currentTarget }) =>
          change({ learningRate: Number((10 ** currentTarget.valueAsNumber).toPrecision(2)) })
        }
        onChange={() => settle(choice.value.learningRate)}
      />
    </Field>
  );
}
