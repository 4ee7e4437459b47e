/** What to train: the model, the data, and the numbers of the recipe. */
import { type DataName, dataTitles } from "../../../protocol.ts";
import {
  codeSizeOf,
  codeSizes,
  most,
  offers,
  standardChoice,
  standardCodeSize,
  titleOf,
} from "../../choice.ts";
import { Field } from "../../parts/Field.tsx";
import { change, choice, show, status, stored } from "../../state.ts";
import { Actions } from "./Actions.tsx";
import { BringData } from "./BringData.tsx";
import { Rate } from "./Rate.tsx";

export function Setup() {
  const { model, data, epochs: epochCount, batchSize } = choice.value;
  const { phase } = status.value;
  const isBusy = phase === "training" || phase === "preparing";
  const codeSize = codeSizeOf(choice.value);
  return (
    <section aria-labelledby="setup">
      <h2 id="setup">Setup</h2>
      <fieldset disabled={isBusy}>
        <legend class="hidden">What to train</legend>
        <Field label="Model" note={offers.get(model)?.about}>
          <select
            value={model}
            onChange={({ currentTarget }) => {
              const { data, seed } = choice.value;
              choice.value = { ...standardChoice(currentTarget.value), data, seed };
            }}
          >
            {[...new Set([...offers.keys(), model])].map((name) => (
              <option key={name} value={name}>
                {titleOf(name)}
              </option>
            ))}
          </select>
        </Field>
        <Field
          label="Data"
          note={data === "digits" ? "6,000 drawn on the spot, 1,000 more to test on" : undefined}
        >
          <select
            value={data}
            onChange={({ currentTarget }) => change({ data: currentTarget.value as DataName })}
          >
            {Object.entries(dataTitles).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </Field>
        {data !== "digits" && !stored.value.includes(data) && <BringData key={data} name={data} />}
        <div class="pair">
          <Count
            label="Epochs"
            value={epochCount}
            most={most.epochs}
            onChange={(epochs) => change({ epochs })}
          />
          <Count
            label="Batch"
            value={batchSize}
            most={most.batchSize}
            onChange={(batchSize) => change({ batchSize })}
          />
          {codeSize !== undefined && (
            <Field label="Code size">
              <select
                value={codeSize}
                onChange={({ currentTarget }) => {
                  const codeSize = Number(currentTarget.value);
                  const isStandard = codeSize === standardCodeSize(model);
                  const { codeSize: _, ...others } = choice.value.settings;
                  change({ settings: isStandard ? others : { ...others, codeSize } });
                }}
              >
                {[...new Set([...codeSizes, codeSize])]
                  .sort((a, b) => a - b)
                  .map((size) => (
                    <option key={size} value={size}>
                      {size}
                    </option>
                  ))}
              </select>
            </Field>
          )}
        </div>
      </fieldset>
      <Rate />
      <Actions />
    </section>
  );
}

function Count(props: {
  readonly label: string;
  readonly value: number;
  readonly most: number;
  readonly onChange: (value: number) => void;
}) {
  return (
    <Field label={props.label}>
      <input
        type="number"
        min={1}
        max={props.most}
        value={props.value}
        onChange={({ currentTarget }) => {
          const value = Math.round(currentTarget.valueAsNumber);
          const isFit = value >= 1 && value <= props.most;
          if (isFit) props.onChange(value);
          else show({ kind: "error", text: `${props.label}: a number from 1 to ${props.most}, please.` });
          currentTarget.value = `${isFit ? value : props.value}`;
        }}
      />
    </Field>
  );
}
