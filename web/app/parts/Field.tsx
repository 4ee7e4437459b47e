/** A control with its label, what it is set to, and a note. */
import { cloneElement, type VNode } from "preact";
import { useId } from "preact/hooks";

export function Field(props: {
  readonly label: string;
  readonly value?: string;
  readonly note?: string | undefined;
  readonly children: VNode<{ id?: string; "aria-describedby"?: string }>;
}) {
  const id = useId();
  const { label, value, note, children } = props;
  const described = note === undefined ? {} : { "aria-describedby": `${id}-note` };
  return (
    <div class="field">
      <div class="caption">
        <label for={id}>{label}</label>
        {value !== undefined && <span aria-hidden="true">{value}</span>}
      </div>
      {cloneElement(children, { id, ...described })}
      {note !== undefined && <small id={`${id}-note`}>{note}</small>}
    </div>
  );
}
