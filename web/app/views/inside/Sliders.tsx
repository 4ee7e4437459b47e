/** A slider for each number of a code. */
import type { CodeMap } from "../../../protocol.ts";

export function Sliders(props: {
  readonly map: CodeMap;
  readonly code: Float32Array;
  readonly onCode: (code: Float32Array) => void;
}) {
  const { map, code, onCode } = props;
  return (
    <div class="sliders">
      {Array.from(code, (value, index) => (
        <label key={index}>
          <span>
            {index + 1} <output>{value.toFixed(2)}</output>
          </span>
          <input
            type="range"
            min={Math.min(map.ranges[2 * index], value)}
            max={Math.max(map.ranges[2 * index + 1], value)}
            step="any"
            value={value}
            aria-label={`Number ${index + 1} of the code`}
            aria-valuetext={value.toFixed(2)}
            onInput={({ currentTarget }) => onCode(code.with(index, currentTarget.valueAsNumber))}
          />
        </label>
      ))}
    </div>
  );
}
