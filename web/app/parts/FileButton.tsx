/** A button that opens the system's dialogue to choose files. */
import { useRef } from "preact/hooks";
import { takeFiles } from "../files.ts";

export function FileButton(props: {
  readonly label: string;
  readonly title?: string;
  readonly multiple?: boolean;
  readonly accept?: string;
  readonly disabled?: boolean;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" disabled={props.disabled} onClick={() => input.current?.click()}>
        {props.label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={props.title ?? props.label}
        multiple={props.multiple ?? false}
        accept={props.accept}
        onChange={async ({ currentTarget }) => {
          await takeFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </>
  );
}
